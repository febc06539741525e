"""Connects to the Docker Engine and translates its errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lightship.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    LightshipError,
    PermissionDenied,
    Unavailable,
)
from lightship.extras import required

if TYPE_CHECKING:
    from docker import DockerClient

_TIMEOUT = 120  # seconds for one response of the engine
_THIS_MACHINE = (None, "localhost", "127.0.0.1", "::1")
_PURPOSE = "lightship docker"


@contextmanager
def engine() -> Iterator[DockerClient]:
    """The engine of `DOCKER_HOST`, or else of the current context of the command `docker`.

    Raises FailedPrecondition without the package `docker`, Unavailable if no engine answers, PermissionDenied if this
    user may not use its socket, DeadlineExceeded if it hangs, and Internal for all other refusals in the block.
    """
    with translated(), closing(_connected()) as client:
        client.ping()
        yield client


def address() -> str | None:
    """The engine's URL; None for the default socket. Raises FailedPrecondition without the package `docker`."""
    given = os.environ.get("DOCKER_HOST")
    if given:
        return given
    with required(_PURPOSE):
        from docker.context import ContextAPI
        from docker.errors import DockerException
    try:
        context = ContextAPI.get_current_context()
    except (DockerException, OSError, ValueError) as error:
        raise FailedPrecondition(
            f"the current docker context cannot be read: {error}; see `docker context ls`"
        ) from error
    return str(context.Host) if context is not None and context.Host else None


def is_remote(url: str | None) -> bool:
    """Whether the engine is on another machine, which then has the mounted folders and the published ports."""
    parts = urlsplit(str(url or ""))
    return parts.scheme in ("tcp", "http", "https", "ssh") and parts.hostname not in _THIS_MACHINE


@contextmanager
def translated() -> Iterator[None]:
    """Raises the exceptions of the package `docker`, and of its connection, as errors of `lightship.errors`."""
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        ours = _translation(error)
        if ours is None:
            raise
        raise ours from error


def _connected() -> DockerClient:
    with required(_PURPOSE):
        import docker
    return docker.from_env(timeout=_TIMEOUT)


def _translation(error: Exception) -> LightshipError | None:
    from docker.errors import APIError, DockerException
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import RequestException, Timeout

    if isinstance(error, APIError):
        return Internal(f"the Docker Engine refused: {error_text(error)}")
    if isinstance(error, Timeout):
        return DeadlineExceeded(
            f"the Docker Engine did not answer within {_TIMEOUT} seconds: check with `docker info` that it works"
        )
    if isinstance(error, (DockerException, NoConnection, RequestException)):
        return _unreachable(error)
    return None


def _unreachable(error: Exception) -> LightshipError:
    place = address() or "its default socket"
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return PermissionDenied(
            f"no permission for Docker's socket ({place}): add this user to the group docker "
            "(sudo usermod -aG docker $USER, then log in again), or run this as root"
        )
    reason = next((str(cause) for cause in reversed(causes) if str(cause)), type(error).__name__)
    return Unavailable(
        f"no Docker Engine answers at {place} ({reason}): start it (sudo systemctl start docker, or Docker Desktop), "
        "or set DOCKER_HOST to another one"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, the exceptions that it wraps, and its causes."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
        waiting += [cause for cause in inner if isinstance(cause, BaseException)]


def error_text(error: Exception) -> str:
    """The engine's message, in one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())
