"""The image below a baked one: found on the engine, or pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightship.docker.images import image_of, pull_image
from lightship.errors import FailedPrecondition, InvalidArgument, ResourceExhausted

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
    found = pull_image(client, name, platform) if pull else image_of(client, name, platform)
    base = _described(found.attrs)
    if platform is not None and not fits(base.platform, platform):
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


def fits(there: str, wanted: str) -> bool:
    """`linux/arm64` fits `linux/arm64/v8`, and the other way round."""
    return all(one == other for one, other in zip(there.split("/"), wanted.split("/"), strict=False))


def checked_platform(platform: str) -> str:
    """Raises InvalidArgument for what is no platform."""
    parts = platform.split("/")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isalnum() for part in parts):
        raise InvalidArgument(f"{platform!r} is no platform: give one such as linux/amd64 or linux/arm64")
    return platform
