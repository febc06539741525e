"""Waits until a model in a container answers, or until it is clear that it will not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lightship.client import VersionStatus
from lightship.docker.handle import url_of, versions_at
from lightship.docker.images import architecture_note, image_of
from lightship.docker.ports import REST
from lightship.docker.reasons import cannot_execute, failed_load, likely_reason
from lightship.errors import DeadlineExceeded, FailedPrecondition, LightshipError, NotFound, Unavailable

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer

    from lightship.docker.settings import Settings


class Ended(FailedPrecondition):
    """The container ended before its model answered."""


Progress = Callable[[str], None]

NO_LOG = "(nothing was logged)"
_PAUSE = 0.1  # seconds between two checks
_LOG_PAUSE = 1.0  # seconds between two reads of the log
_SHOWN = 10  # lines of the log in an error
_LINE = 400  # characters of a line
_ENDED = ("exited", "dead", "removing", "restarting")


def wait_until_available(
    client: DockerClient, found: EngineContainer, settings: Settings, timeout: float, progress: Progress
) -> str:
    """Returns the URL of REST when the model is AVAILABLE.

    Raises FailedPrecondition if the container ended or no version can be loaded, and DeadlineExceeded after `timeout`
    seconds, both with the likely reason and the last lines of the log.
    """
    deadline = time.monotonic() + timeout
    restarts = found.attrs.get("RestartCount", 0)
    waited_for = ""
    next_log = time.monotonic() + _LOG_PAUSE
    while True:
        _reload(found)
        if found.status in _ENDED or found.attrs.get("RestartCount", 0) != restarts:
            raise Ended(_ended(client, found, settings))
        url = url_of(found, REST)
        versions = _versions(url, settings.model) if url else ()
        if url and _is_available(versions, settings.version):
            return url
        state = _described(versions)
        if state != waited_for:
            waited_for = state
            progress(f"{settings.name}: {state}")
        if versions and all(version.error_code != "OK" and version.state == "END" for version in versions):
            raise FailedPrecondition(f"the model {settings.model} cannot be loaded: {_reason_of(versions)}")
        if not versions and time.monotonic() > next_log:
            next_log = time.monotonic() + _LOG_PAUSE
            _check_log(found, settings.model)
        if time.monotonic() > deadline:
            raise DeadlineExceeded(_late(found, settings, timeout, state))
        time.sleep(_PAUSE)


def _reload(found: EngineContainer) -> None:
    from docker.errors import NotFound as Gone

    try:
        found.reload()
    except Gone:
        raise Ended(f"the container {found.name} was removed by another program while it started") from None


def _versions(url: str, model: str) -> tuple[VersionStatus, ...]:
    """Empty as long as the server does not listen or does not know the model."""
    try:
        return versions_at(url, model)
    except (Unavailable, DeadlineExceeded, NotFound):
        return ()
    except LightshipError as error:
        raise FailedPrecondition(
            f"the server at {url} did not answer as TensorFlow Serving or Lightship does: {error.message}; check that "
            "the image runs one of them"
        ) from error


def _is_available(versions: tuple[VersionStatus, ...], wanted: int | None) -> bool:
    return any(version.state == "AVAILABLE" and wanted in (None, version.version) for version in versions)


def _described(versions: tuple[VersionStatus, ...]) -> str:
    return ", ".join(f"version {one.version} {one.state}" for one in versions) or "waiting for the server"


def _reason_of(versions: tuple[VersionStatus, ...]) -> str:
    return "; ".join(f"version {one.version}: {one.error_code}: {one.error_message}" for one in versions)


def _ended(client: DockerClient, found: EngineContainer, settings: Settings) -> str:
    state = found.attrs.get("State", {})
    log = _log_of(found)
    reason = likely_reason(log, out_of_memory=bool(state.get("OOMKilled")))
    if cannot_execute(log) or (not reason and log == NO_LOG):
        reason = architecture_note(client, image_of(client, settings.image)) or reason
    because = f" because {reason}" if reason else ""
    return f"the container {settings.name} ended with exit code {state.get('ExitCode', '?')}{because}; its log: {log}"


def _check_log(found: EngineContainer, model: str) -> None:
    """Raises FailedPrecondition if the log says that a version cannot be loaded.

    TensorFlow Serving opens its port only after the first version is loaded, and tries for minutes to load a broken
    one. Its log says so earlier.
    """
    failure = failed_load(_log_of(found).replace(" | ", "\n"), model)
    if failure:
        raise FailedPrecondition(f"the model {model} cannot be loaded; the server says: {failure}")


def _late(found: EngineContainer, settings: Settings, timeout: float, state: str) -> str:
    log = _log_of(found)
    reason = likely_reason(log) or "it needs more time: give more with --timeout"
    late = f"{settings.model} did not answer within {timeout:g} seconds ({state})"
    return f"{late}, perhaps because {reason}; its log: {log}"


def _log_of(found: EngineContainer) -> str:
    from docker.errors import APIError

    try:
        text = found.logs(tail=_SHOWN).decode(errors="replace")
    except APIError:
        text = ""
    lines = [line.strip()[:_LINE] for line in text.splitlines() if line.strip()]
    return " | ".join(lines) or NO_LOG
