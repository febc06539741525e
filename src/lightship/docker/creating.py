"""Creates and starts a container."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.docker.container_options import container_options
from lightship.docker.engine import address, error_text, is_remote
from lightship.docker.handle import remove
from lightship.docker.images import OUR_USER, architecture_note, is_ours
from lightship.docker.readable import check_readable
from lightship.docker.reasons import is_taken_port, likely_reason
from lightship.docker.settings import Settings
from lightship.errors import FailedPrecondition

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container as EngineContainer
    from docker.models.images import Image


def create(client: DockerClient, settings: Settings, image: Image) -> EngineContainer | None:
    """A running container; None if another program has meanwhile taken its name or removed it.

    Raises FailedPrecondition, with the likely reason, if it cannot be created or started. It is removed then.
    """
    from docker.errors import APIError
    from docker.errors import NotFound as Gone

    if is_ours(image) and not is_remote(
        address()
    ):  # its user is not root: a file that it cannot read would fail later, with a worse message
        check_readable(Path(settings.source), OUR_USER)
    try:
        new = client.containers.create(**container_options(settings, image))
    except APIError as error:
        if error.status_code == HTTPStatus.CONFLICT:
            return None
        raise FailedPrecondition(f"the container cannot be created: {error_text(error)}") from error
    try:
        new.start()
    except Gone:
        return None
    except APIError as error:
        if _is_removed(new):
            return None
        remove(new)
        raise FailedPrecondition(_why_not_started(client, settings, image, error_text(error))) from error
    except BaseException:
        remove(new)
        raise
    return new


def _is_removed(new: EngineContainer) -> bool:
    """Returns whether another program has removed a container, or is removing it."""
    from docker.errors import NotFound as Gone

    try:
        new.reload()
    except Gone:
        return True
    return new.status in ("removing", "dead")


def _why_not_started(client: DockerClient, settings: Settings, image: Image, text: str) -> str:
    if is_taken_port(text):
        ports = ", ".join(map(str, settings.ports))
        return f"the container {settings.name} was not started because {likely_reason(text)} (wanted: {ports})"
    reason = architecture_note(client, image) or likely_reason(text)
    return f"the container {settings.name} cannot start{f' because {reason}' if reason else ''}: {text}"
