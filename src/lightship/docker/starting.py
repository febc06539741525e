"""A container that serves a model: started once, however often it is asked for."""

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
from lightship.docker.ports import GRPC
from lightship.docker.readiness import Ended, Progress, wait_until_it_answers
from lightship.docker.settings import DEFAULT_NAME, Settings, difference, read_settings, started_with
from lightship.errors import Aborted, AlreadyExists, FailedPrecondition

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

START_SECONDS = 120.0
_ATTEMPTS = 10  # looks at what is there, while other programs change it
_OTHERS_START = 5.0  # seconds in which another program may start what it has created


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
    """Serves a model's folder from a container, and waits until it answers. A second call changes nothing.

    Args:
        model: the folder with the versions, mounted read-only at /models/NAME; new versions in it are taken up.
        name: of the container, matched exactly.
        model_name: under which the model is served; the folder's own by default.
        image: ours by default. Another one, such as tensorflow/serving:2.20.0, is run the classic way.
        publish: `[ADDRESS:]HOST_PORT:CONTAINER_PORT`; 8501 (REST) and 8500 (gRPC) by default. Host port 0: a free one.
        host: the address to publish at where `publish` names none.
        pin_version: mounts this version alone.
        environment: further variables for the server; arguments: further flags, a later one winning over an earlier.
        restart: the engine's policy: no, on-failure, unless-stopped or always.
        memory: a limit such as 2g; cpus: a limit such as 1.5.
        replace: whether a container of this name that differs, or is not ours, is replaced.
        timeout: seconds until the model must answer.
        progress: called with a line when the start gets further.

    Raises:
        NotFound: no version in the folder, or no such image. InvalidArgument: an option that cannot be.
        FailedPrecondition: a container of ours with other settings runs (the difference is told); a port is taken; the
            container ended, or no version could be loaded. AlreadyExists: a container of this name is not ours.
        DeadlineExceeded: no answer in time. Unavailable, PermissionDenied: the engine, as `docker.engine` tells.
        A container that this call started is removed again if it fails, or is interrupted.
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
    """One start. State is the engine's alone: each look at it decides anew."""

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
        done = self._brought_up()
        try:
            url = self._answered(done)
        except Ended:
            if done.action in ("started", "replaced"):
                raise
            done = self._brought_up()  # what was found to run has ended since: decided anew, once
            url = self._answered(done)
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

    def _answered(self, done: _Done) -> str:
        """The URL at which it answers. What this start has made is removed if that fails, or is interrupted."""
        try:
            return wait_until_it_answers(self._client, done.container, self._settings, self._timeout, self._progress)
        except BaseException:
            if done.action in ("started", "replaced"):
                remove(done.container)
            raise

    def _brought_up(self) -> _Done:
        """A container with the wanted settings that runs. Another program may create or remove it meanwhile: then what
        is there is looked at again."""
        action: Action = "started"
        for _ in range(_ATTEMPTS):
            found = find(self._client, self._settings.name)
            if found is not None and found.status == "created":
                _await_its_start(found)
            if found is None or (_is_over(found) and self._is_as_wanted_or_gone(found)):
                if found is not None:
                    remove(found)
                self._progress(f"starting {self._settings.name} from {self._settings.image}")
                new = create(self._client, self._settings, self._image)
                if new is not None:
                    return _Done(new, action)
                continue
            if self._is_as_wanted(found):
                kept = _kept_running(found)
                if kept is not None:
                    return kept
                continue
            remove(found)
            action = "replaced"
        raise Aborted(
            f"other programs create and remove the container {self._settings.name} all the time: give another --name"
        )

    def _is_as_wanted_or_gone(self, found: EngineContainer) -> bool:
        """Of a container that no longer runs: whether it may be removed for a new one, whatever its settings were."""
        if started_with(found.labels) is not None or self._replace:
            return True
        raise self._foreign()

    def _is_as_wanted(self, found: EngineContainer) -> bool:
        """False if it is to be replaced. Raises AlreadyExists or FailedPrecondition if it is not to be touched."""
        settings = started_with(found.labels)
        if settings is None:
            if not self._replace:
                raise self._foreign()
            return False
        differences = difference(settings, self._wanted)
        if differences and not self._replace:
            raise FailedPrecondition(
                f"the container {self._settings.name} runs with other settings: {'; '.join(differences)}. "
                "Give --replace to replace it, or another --name"
            )
        return not differences

    def _foreign(self) -> AlreadyExists:
        name = self._settings.name
        return AlreadyExists(
            f"a container {name} is there that Lightship did not start, and it is left alone: give another --name, "
            "or --replace to remove it"
        )


def _is_over(found: EngineContainer) -> bool:
    return found.status in ("exited", "dead", "created", "restarting", "removing")


def _kept_running(found: EngineContainer) -> _Done | None:
    """The container as it runs, resumed if it was paused; None if it ended meanwhile."""
    from docker.errors import APIError

    if found.status != "paused":
        return _Done(found, "left alone")
    try:
        found.unpause()
    except APIError:
        return None
    return _Done(found, "resumed")


def _await_its_start(found: EngineContainer) -> None:
    """Another start may have created it just now."""
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
        time.sleep(0.1)
