"""The base image of a build: found on the engine, or pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightship.docker.images import image_of, pull_image
from lightship.errors import FailedPrecondition, InvalidArgument, ResourceExhausted

if TYPE_CHECKING:
    from docker import DockerClient

MAX_LAYERS = 125  # of the engine: https://github.com/moby/moby/blob/master/layer/layer_store.go


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The image on which a build starts."""

    id: str

    platform: str
    """The platform, such as linux/amd64."""

    layers: tuple[str, ...]
    """Digests of their contents, from the bottom up."""


def find_base(
    client: DockerClient, name: str, *, platform: str | None, pull: bool, report: Callable[[str], None]
) -> BaseImage:
    """The image of this name for this platform, by default the engine's own.

    Pulls the image if `pull` is true, or if it is not Lightship's own and the engine does not have it. Raises NotFound,
    with how to get it, for an image that does not exist; FailedPrecondition for one of another platform.
    """
    if pull or not has_image(client, name):
        report(f"getting {name}")
    found = pull_image(client, name, platform) if pull else image_of(client, name, platform)
    base = _base_image(found.attrs)
    if platform is not None and not fits(base.platform, platform):
        raise FailedPrecondition(
            f"the engine's {name} is for {base.platform}, not for {platform}: get the other one with --pull, "
            f"or docker pull --platform {platform} {name}"
        )
    return base


def check_layers(base: BaseImage, name: str, versions: int) -> None:
    """Raises ResourceExhausted if the image would have more layers than an engine allows."""
    room = MAX_LAYERS - len(base.layers)
    if versions > room:
        raise ResourceExhausted(
            f"{versions} versions are too many: an image has at most {MAX_LAYERS} layers, and {name} leaves room for "
            f"{room}; name fewer with --versions"
        )


def has_image(client: DockerClient, name: str) -> bool:
    from docker.errors import ImageNotFound

    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    return True


def _base_image(found: Mapping[str, Any]) -> BaseImage:
    parts = (found["Os"], found["Architecture"], found.get("Variant"))
    layers = (found.get("RootFS") or {}).get("Layers") or ()
    return BaseImage(found["Id"], "/".join(part for part in parts if part), tuple(layers))


def fits(there: str, wanted: str) -> bool:
    """Whether two platforms are the same. A missing variant fits any: `linux/arm64` fits `linux/arm64/v8`."""
    return all(one == other for one, other in zip(there.split("/"), wanted.split("/"), strict=False))


def checked_platform(platform: str) -> str:
    """The platform; raises InvalidArgument for an invalid one."""
    parts = platform.split("/")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isalnum() for part in parts):
        raise InvalidArgument(f"{platform!r} is not a platform: give one such as linux/amd64 or linux/arm64")
    return platform
