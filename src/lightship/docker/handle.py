"""Finds Lightship's containers by name, and reports on them, reads their logs and stops them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

import httpx2

from lightship.client import Client, VersionStatus
from lightship.docker import views
from lightship.docker.engine import address, engine, is_remote
from lightship.docker.ports import GRPC, REST
from lightship.docker.settings import DEFAULT_NAME, started_with
from lightship.errors import FailedPrecondition, LightshipError, NotFound

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

STOP_SECONDS = 35  # more than the 30 s of the default drain, and 1 s to end
_ASK_SECONDS = 5.0
_REMOVAL_SECONDS = 10
Action = Literal["started", "left alone", "resumed", "replaced"]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a container and of the model in it."""

    name: str
    id: str

    state: str
    """As the engine names it: running, paused, exited, created, restarting, dead or removing."""

    image: str
    model: str

    url: str | None
    """Of REST, http://host:port; None if it is not published or the container does not run."""

    grpc: str | None
    """host:port; None if it is not published or the container does not run."""

    versions: tuple[VersionStatus, ...]
    """As the server reports them; empty if it does not answer."""

    settings: Mapping[str, str] | None
    """With which the container was started; None if Lightship did not start it."""

    @property
    def ready(self) -> bool:
        """Whether the container runs and a version is AVAILABLE."""
        return self.state == "running" and any(version.state == "AVAILABLE" for version in self.versions)

    def __repr__(self) -> str:
        return views.text("Status", self.name, views.of_status(self))

    def _repr_html_(self) -> str:
        return views.html("Status", self.name, views.of_status(self))


@dataclass(frozen=True, slots=True)
class Container:
    """A container whose model answers. Used as a context manager, it is stopped and removed at the end."""

    name: str
    id: str
    image: str
    model: str

    url: str
    """Of REST, http://host:port."""

    grpc: str | None
    """host:port; None if it is not published."""

    action: Action
    """What `start` did."""

    def client(self, *, timeout: float | None = 30.0) -> Client:
        """A client of its REST API, which the caller closes. timeout: seconds for one method; None for no limit."""
        return Client(self.url, timeout=timeout)

    def status(self) -> Status:
        """Raises NotFound if the container no longer exists."""
        return status(self.name)

    def logs(self, *, tail: int | None = None) -> str:
        """The server's output, or its last `tail` lines. Raises NotFound if the container no longer exists."""
        return b"".join(logs(self.name, tail=tail)).decode(errors="replace")

    def stop(self, *, timeout: int = STOP_SECONDS) -> None:
        """Removes the container after running requests have finished, at most `timeout` seconds later.

        Does nothing if the container no longer exists or another one has its name.
        """
        with engine() as client:
            found = find(client, self.name)
            if found is not None and found.id == self.id:
                _stop_and_remove(found, timeout)

    def __repr__(self) -> str:
        return views.text("Container", self.name, views.of_container(self))

    def _repr_html_(self) -> str:
        return views.html("Container", self.name, views.of_container(self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def stop(name: str = DEFAULT_NAME, *, timeout: int = STOP_SECONDS) -> bool:
    """Stops and removes a container that Lightship started. Returns False if there is no such container.

    timeout: seconds in which running requests may finish. Raises FailedPrecondition if Lightship did not start the
    container, and the errors of `engine`.
    """
    with engine() as client:
        found = find(client, name)
        if found is None:
            return False
        if started_with(found.labels) is None:
            raise FailedPrecondition(
                f"the container {name} was not started by Lightship and is left alone: stop it with docker stop {name}"
            )
        _stop_and_remove(found, timeout)
    return True


def status(name: str = DEFAULT_NAME) -> Status:
    """The state of a container. Raises NotFound if there is no such container, and the errors of `engine`."""
    with engine() as client:
        return status_of(_require(client, name))


def logs(name: str = DEFAULT_NAME, *, follow: bool = False, tail: int | None = None) -> Iterator[bytes]:
    """The container's output, in pieces as they arrive.

    follow: whether to wait for more output until the container ends. tail: how many of the last lines; None for all.
    Raises NotFound if there is no such container, and the errors of `engine`.
    """
    with engine() as client:
        found = _require(client, name)
        yield from found.logs(stream=True, follow=follow, tail="all" if tail is None else tail)


def find(client: DockerClient, name: str) -> EngineContainer | None:
    """The container of exactly this name. The engine itself would also accept the beginning of an id."""
    from docker.errors import NotFound as Gone

    try:
        found = client.containers.get(name)
    except Gone:
        return None
    return found if found.name == name else None


def status_of(found: EngineContainer) -> Status:
    url = url_of(found, REST)
    grpc = url_of(found, GRPC)
    model = str(found.labels.get("dev.lightship.model", "")) or environment_of(found).get("MODEL_NAME", "model")
    return Status(
        name=str(found.name),
        id=str(found.id),
        state=str(found.status),
        image=str(found.attrs["Config"]["Image"]),
        model=model,
        url=url,
        grpc=grpc and grpc.removeprefix("http://"),
        versions=_versions(url, model) if url and found.status == "running" else (),
        settings=started_with(found.labels),
    )


def url_of(found: EngineContainer, inside: int) -> str | None:
    """The URL at which this machine reaches a port of the container; None if it is not published."""
    bindings = (found.attrs["NetworkSettings"].get("Ports") or {}).get(f"{inside}/tcp") or ()
    for binding in bindings:
        return f"http://{_reachable_host(str(binding['HostIp']))}:{binding['HostPort']}"
    return None


def environment_of(found: EngineContainer) -> dict[str, str]:
    return dict(str(line).partition("=")[::2] for line in found.attrs["Config"].get("Env") or ())


def versions_at(url: str, model: str) -> tuple[VersionStatus, ...]:
    """The versions by the server's REST API, without a proxy. Raises the errors of `Client.status`."""
    with Client(url, timeout=_ASK_SECONDS, retries=0, transport=httpx2.HTTPTransport()) as client:
        return client.status(model)


def remove(found: EngineContainer) -> None:
    """Removes a container, or waits a while until another program has removed it."""
    from docker.errors import APIError
    from docker.errors import NotFound as Gone
    from requests.exceptions import RequestException

    try:
        found.remove(force=True, v=True)
    except Gone:
        return
    except APIError as error:
        if error.status_code != HTTPStatus.CONFLICT:  # another program is removing it
            raise
        with suppress(Gone, RequestException):  # the time is over: whoever needs the name looks again
            found.wait(condition="removed", timeout=_REMOVAL_SECONDS)


def _stop_and_remove(found: EngineContainer, timeout: int) -> None:
    from docker.errors import NotFound as Gone

    with suppress(Gone):
        if found.status == "paused":
            found.unpause()
        found.stop(timeout=timeout)
    remove(found)


def _reachable_host(listening: str) -> str:
    """The host to which a client connects for a port that is published at the address `listening`."""
    engine_at = address()
    if is_remote(engine_at) and listening in ("", "0.0.0.0", "::"):
        listening = urlsplit(str(engine_at)).hostname or listening
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(listening, listening)
    return f"[{host}]" if ":" in host else host


def _versions(url: str, model: str) -> tuple[VersionStatus, ...]:
    try:
        return versions_at(url, model)
    except LightshipError:
        return ()


def _require(client: DockerClient, name: str) -> EngineContainer:
    found = find(client, name)
    if found is None:
        raise NotFound(f"there is no container {name}: start one with lightship docker start MODEL --name {name}")
    return found
