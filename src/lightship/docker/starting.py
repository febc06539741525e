"""Starts a container that serves a model, or finds the one that already does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lightship.docker.build_plan import OUR_IMAGE
from lightship.docker.creating import create
from lightship.docker.engine import address, engine, is_remote
from lightship.docker.handle import Action, Container, find, remove, url_of
from lightship.docker.images import image_of
from lightship.docker.mounted_folder import sees_another_folder
from lightship.docker.ports import GRPC
from lightship.docker.readiness import Ended, Progress, wait_until_available
from lightship.docker.settings import DEFAULT_NAME, Settings, difference, read_settings, started_with
from lightship.errors import Aborted, AlreadyExists, FailedPrecondition

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

START_SECONDS = 120.0
_OTHERS_SECONDS = 30.0  # in which other programs may create and remove containers of this name at the same time
_OTHERS_START = 5.0  # seconds that another program gets to start a container that it has created
_PAUSE = 0.1  # seconds between two looks at what other programs do


def start(
    model: str | os.PathLike[str],
    *,
    name: str = DEFAULT_NAME,
    model_name: str | None = None,
    image: str = OUR_IMAGE,
    publish: Sequence[str] = (),
    host: str = "127.0.0.1",
    pin_version: int | None = None,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    restart: str = "unless-stopped",
    memory: str | None = None,
    cpus: float | None = None,
    replace: bool = False,
    timeout: float = START_SECONDS,
    progress: Progress = lambda text: None,
) -> Container:
    """Serves a model's folder from a container and waits until the model answers. A second call changes nothing.

    Args:
        model: the folder with the versions, mounted read-only at /models/NAME; the server loads new versions.
        name: of the container, matched exactly.
        model_name: under which the model is served; by default the folder's name.
        image: by default Lightship's own. Another one, such as tensorflow/serving:2.20.0, may write to its file system.
        publish: `[ADDRESS:]HOST_PORT:CONTAINER_PORT`; 8501 (REST) and 8500 (gRPC) by default. Host port 0: a free one.
        host: the address for ports in `publish` without an address.
        pin_version: the only version to mount.
        environment: additional variables for the server.
        arguments: additional flags for the server; of repeated flags the last one counts.
        restart: the engine's restart policy: no, on-failure, unless-stopped or always.
        memory: a limit, such as 2g.
        cpus: a limit, such as 1.5.
        replace: whether to replace a container of this name that has other settings or is not Lightship's.
        timeout: seconds in which the model must answer.
        progress: is called with a line of text at each step.

    Raises:
        NotFound: the folder has no version, or the image does not exist.
        InvalidArgument: an option is invalid.
        FailedPrecondition: Lightship's container of this name has other settings (the text lists them), a port is
            taken, the container ended, or no version can be loaded.
        AlreadyExists: a container of this name is not Lightship's.
        DeadlineExceeded: the model did not answer in time.
        Unavailable, PermissionDenied: the engine cannot be reached.

    If the call fails or is interrupted, it removes the container that it started.
    """
    engine_at = address()
    settings = read_settings(
        Path(model),
        name=name,
        model_name=model_name,
        image=image,
        publish=publish,
        host=host,
        pin_version=pin_version,
        environment=environment,
        arguments=arguments,
        restart=restart,
        memory=memory,
        cpus=cpus,
        remote=is_remote(engine_at),
    )
    with engine() as client:
        return _Start(client, settings, replace, timeout, progress).run()


class _Done(NamedTuple):
    container: EngineContainer
    action: Action


class _Start:
    """One call of `start`. It keeps no state of containers, and asks the engine before each decision."""

    def __init__(
        self, client: DockerClient, settings: Settings, replace: bool, timeout: float, progress: Progress
    ) -> None:
        self._client = client
        self._settings = settings
        self._replace = replace
        self._timeout = timeout
        self._progress = progress
        progress(f"looking for the image {settings.image}")
        self._image = image_of(client, settings.image)
        self._wanted = settings.described(str(self._image.id))

    def run(self) -> Container:
        done = self._ensure_running()
        try:
            url = self._wait(done)
        except Ended:
            if done.action in ("started", "replaced"):
                raise
            done = self._ensure_running()  # the container that was found has ended since then: try again, once
            url = self._wait(done)
        grpc = url_of(done.container, GRPC)
        return Container(
            name=self._settings.name,
            id=str(done.container.id),
            image=self._settings.image,
            model=self._settings.model,
            url=url,
            grpc=grpc and grpc.removeprefix("http://"),
            action=done.action,
        )

    def _wait(self, done: _Done) -> str:
        """Returns the URL at which the model answers. If that fails or is interrupted, it removes a new container."""
        try:
            return wait_until_available(self._client, done.container, self._settings, self._timeout, self._progress)
        except BaseException:
            if done.action in ("started", "replaced"):
                remove(done.container)
            raise

    def _ensure_running(self) -> _Done:
        """Returns a running container with these settings.

        If another program creates or removes it at the same time, the engine is asked again. Between the two, its name
        is taken although there is no container of that name; on a busy machine that takes seconds.
        """
        action: Action = "started"
        deadline = time.monotonic() + _OTHERS_SECONDS
        while time.monotonic() < deadline:
            found = find(self._client, self._settings.name)
            if found is not None and found.status == "created":
                _wait_for_start(found)
            if found is None or (_has_ended(found) and self._may_replace_ended(found)):
                if found is not None:
                    remove(found)
                self._progress(f"starting {self._settings.name} from {self._settings.image}")
                new = create(self._client, self._settings, self._image)
                if new is not None:
                    return _Done(new, action)
                time.sleep(_PAUSE)
                continue
            if self._has_wanted_settings(found):
                running = _keep_running(found)
                if running is not None:
                    return running
                time.sleep(_PAUSE)
                continue
            remove(found)
            action = "replaced"
        raise Aborted(
            f"other programs keep creating and removing the container {self._settings.name}: give another --name"
        )

    def _may_replace_ended(self, found: EngineContainer) -> bool:
        """Whether a container that no longer runs may be replaced, whatever its settings were. Raises AlreadyExists."""
        if started_with(found.labels) is not None or self._replace:
            return True
        raise self._foreign()

    def _has_wanted_settings(self, found: EngineContainer) -> bool:
        """False if it must be replaced. Raises AlreadyExists or FailedPrecondition if it may not be replaced."""
        settings = started_with(found.labels)
        if settings is None:
            if not self._replace:
                raise self._foreign()
            return False
        differences = difference(settings, self._wanted)
        other_path = any(one.startswith("mount: ") for one in differences)
        if not other_path and sees_another_folder(found, self._settings):
            differences.append(f"mount: another folder is at {self._settings.source} since the container was started")
        if differences and not self._replace:
            raise FailedPrecondition(
                f"the container {self._settings.name} runs with other settings: {'; '.join(differences)}. "
                "Give --replace to replace it, or another --name"
            )
        return not differences

    def _foreign(self) -> AlreadyExists:
        name = self._settings.name
        return AlreadyExists(
            f"the container {name} exists, and Lightship did not start it: give another --name, "
            "or --replace to remove it"
        )


def _has_ended(found: EngineContainer) -> bool:
    return found.status in ("exited", "dead", "created", "restarting", "removing")


def _keep_running(found: EngineContainer) -> _Done | None:
    """The running container, resumed if it was paused; None if it has meanwhile ended."""
    from docker.errors import APIError

    if found.status != "paused":
        return _Done(found, "left alone")
    try:
        found.unpause()
    except APIError:
        return None
    return _Done(found, "resumed")


def _wait_for_start(found: EngineContainer) -> None:
    """Waits for another program, which may have created the container just now, to start it."""
    _until(lambda: _status(found) != "created", _OTHERS_START)


def _status(found: EngineContainer) -> str | None:
    from docker.errors import NotFound as Gone

    try:
        found.reload()
    except Gone:
        return None
    return str(found.status)


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(_PAUSE)
