"""Waiting until a model in a container answers, or until it is clear that it will not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lightship.client import Client, VersionStatus
from lightship.docker.handle import url_of
from lightship.docker.images import architecture_note, image_of
from lightship.docker.ports import REST
from lightship.docker.reasons import likely_reason
from lightship.errors import DeadlineExceeded, FailedPrecondition, LightshipError, NotFound, Unavailable

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

    from lightship.docker.settings import Settings

Progress = Callable[[str], None]

_PAUSE = 0.1  # seconds between two looks
_SHOWN = 10  # lines of the log in an error
_ENDED = ("exited", "dead", "removing", "restarting")


def wait_until_it_answers(
    client: DockerClient, found: EngineContainer, settings: Settings, timeout: float, progress: Progress
) -> str:
    """The URL of REST at which the model is AVAILABLE.

    Raises FailedPrecondition if the container ended or no version can be loaded, DeadlineExceeded after `timeout`
    seconds, each with the likely reason and the log's last lines.
    """
    deadline = time.monotonic() + timeout
    restarts = found.attrs.get("RestartCount", 0)
    waited_for = ""
    while True:
        _look_again(found)
        if found.status in _ENDED or found.attrs.get("RestartCount", 0) != restarts:
            raise FailedPrecondition(_ended(client, found, settings))
        url = url_of(found, REST)
        versions = _versions(url, settings.model) if url else ()
        if url and _answers(versions, settings.version):
            return url
        state = _described(versions)
        if state != waited_for:
            waited_for = state
            progress(f"{settings.name}: {state}")
        if versions and all(version.error_code != "OK" and version.state == "END" for version in versions):
            raise FailedPrecondition(f"the model {settings.model} cannot be loaded: {_reason_of(versions)}")
        if time.monotonic() > deadline:
            raise DeadlineExceeded(
                f"{settings.model} did not answer within {timeout:g} seconds ({state}): {_log_of(found)}"
            )
        time.sleep(_PAUSE)


def _look_again(found: EngineContainer) -> None:
    from docker.errors import NotFound as Gone

    try:
        found.reload()
    except Gone:
        raise NotFound(f"the container {found.name} was removed by another program while it started") from None


def _versions(url: str, model: str) -> tuple[VersionStatus, ...]:
    """None while the server does not listen, or does not know the model yet."""
    try:
        with Client(url, timeout=5, retries=0) as client:
            return client.status(model)
    except (Unavailable, DeadlineExceeded, NotFound):
        return ()
    except LightshipError as error:
        raise FailedPrecondition(f"what answers at {url} is no TensorFlow Serving: {error.message}") from error


def _answers(versions: tuple[VersionStatus, ...], wanted: int | None) -> bool:
    return any(version.state == "AVAILABLE" and wanted in (None, version.version) for version in versions)


def _described(versions: tuple[VersionStatus, ...]) -> str:
    return ", ".join(f"version {one.version} {one.state}" for one in versions) or "waiting for the server"


def _reason_of(versions: tuple[VersionStatus, ...]) -> str:
    return "; ".join(f"version {one.version}: {one.error_code}: {one.error_message}" for one in versions)


def _ended(client: DockerClient, found: EngineContainer, settings: Settings) -> str:
    state = found.attrs.get("State", {})
    log = _log_of(found)
    reason = likely_reason(log, out_of_memory=bool(state.get("OOMKilled")))
    if "exec format error" in log.lower() or (not reason and not log):
        reason = architecture_note(client, image_of(client, settings.image)) or reason
    because = f" because {reason}" if reason else ""
    return f"the container {settings.name} ended with exit code {state.get('ExitCode', '?')}{because}; its log: {log}"


def _log_of(found: EngineContainer) -> str:
    from docker.errors import APIError

    try:
        text = found.logs(tail=_SHOWN).decode(errors="replace").strip()
    except APIError:
        text = ""
    return text or "(nothing was logged)"
