"""The image below a baked one: found on the engine, or pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightship.docker.build_output import build_error
from lightship.docker.engine import said_by
from lightship.docker.images import image_of
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound, ResourceExhausted

if TYPE_CHECKING:
    from docker import DockerClient

MAX_LAYERS = 125  # what an engine takes; https://github.com/moby/moby/blob/master/layer/layer_store.go


@dataclass(frozen=True, slots=True)
class BaseImage:
    """platform: as in linux/amd64. layers: digests of their contents, the lowest first."""

    id: str
    platform: str
    layers: tuple[str, ...]


def find_base(
    client: DockerClient, name: str, *, platform: str | None, pull: bool, tell: Callable[[str], None]
) -> BaseImage:
    """The image of this name for this platform, by default the engine's own; pulled if it is another's and not there,
    or if `pull`.

    Raises NotFound for one that is nowhere, with how to get it; FailedPrecondition for one of another platform.
    """
    if pull or not is_there(client, name):
        tell(f"getting {name}")
    if pull:
        _pull(client, name, platform)
    base = _described(image_of(client, name).attrs)
    if platform is not None and not _fits(base.platform, platform):
        raise FailedPrecondition(
            f"the engine's {name} is for {base.platform}, not for {platform}: get the other one with --pull, "
            f"or docker pull --platform {platform} {name}"
        )
    return base


def check_layers(base: BaseImage, name: str, versions: int) -> None:
    """Raises ResourceExhausted where an engine could not take so many layers."""
    room = MAX_LAYERS - len(base.layers)
    if versions > room:
        raise ResourceExhausted(
            f"{versions} versions are too many: an image has at most {MAX_LAYERS} layers, and {name} leaves room for "
            f"{room}; name fewer with --versions"
        )


def is_there(client: DockerClient, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _described(found: Mapping[str, Any]) -> BaseImage:
    parts = (found["Os"], found["Architecture"], found.get("Variant"))
    layers = (found.get("RootFS") or {}).get("Layers") or ()
    return BaseImage(found["Id"], "/".join(part for part in parts if part), tuple(layers))


def _pull(client: DockerClient, name: str, platform: str | None) -> None:
    """Reads what the registry's way brings to its end: an error may be the last of it."""
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    try:
        for message in client.api.pull(repository, tag or "latest", stream=True, decode=True, platform=platform):
            if "error" in message:
                raise _not_pulled(name, str(message["error"]))
    except APIError as error:
        raise _not_pulled(name, said_by(error)) from error


def _not_pulled(name: str, reason: str) -> LightshipError:
    known = build_error(reason)
    if isinstance(known, ResourceExhausted):
        return known
    return NotFound(
        f"the image {name} cannot be pulled ({' '.join(reason.split())}): leave out --pull to take the engine's own, "
        "or check the name and the engine's way to the registry"
    )


def _fits(there: str, wanted: str) -> bool:
    """`linux/arm64` fits `linux/arm64/v8`, and the other way round."""
    return all(one == other for one, other in zip(there.split("/"), wanted.split("/"), strict=False))


def checked_platform(platform: str) -> str:
    """Raises InvalidArgument for what is no platform."""
    parts = platform.split("/")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isalnum() for part in parts):
        raise InvalidArgument(f"{platform!r} is no platform: give one such as linux/amd64 or linux/arm64")
    return platform
