"""Finds or pulls the image for a container, and reads its properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightship.docker.build_plan import OUR_IMAGE
from lightship.docker.engine import error_text
from lightship.docker.full_disk import disk_is_full, is_full
from lightship.errors import LightshipError, NotFound, ResourceExhausted

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

OUR_USER = 10001  # the user that runs the server in our image


def image_of(client: DockerClient, name: str, platform: str | None = None) -> Image:
    """The image, pulled if the engine does not have it. Our own image is built locally and never pulled.

    platform: such as linux/arm64, for an image that is pulled. Raises NotFound, with what to do.
    """
    from docker.errors import ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        pass
    if name.partition(":")[0] == OUR_IMAGE.partition(":")[0]:
        raise NotFound(
            f"there is no image {name}: build it in a checkout of Lightship with `make image`, "
            "or name another one, --image tensorflow/serving:2.20.0"
        )
    return pull_image(client, name, platform)


def pull_image(client: DockerClient, name: str, platform: str | None = None) -> Image:
    """Pulls the image from its registry. platform: such as linux/arm64; by default the engine's own.

    Raises NotFound if it cannot be pulled, and ResourceExhausted if the engine's disk is full.
    """
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    try:
        for message in client.api.pull(repository, tag or "latest", stream=True, decode=True, platform=platform):
            if "error" in message:  # errors after the start are only in the stream
                raise _not_pulled(name, str(message["error"]))
        return client.images.get(name)
    except APIError as error:
        raise _not_pulled(name, error_text(error)) from error


def _not_pulled(name: str, reason: str) -> LightshipError:
    reason = " ".join(reason.split())
    if is_full(reason):
        return ResourceExhausted(f"the image {name} cannot be pulled: {disk_is_full(reason)}")
    return NotFound(
        f"the image {name} cannot be pulled: {reason}; check its name, and this machine's connection to the "
        f"registry, with `docker pull {name}`"
    )


def is_ours(image: Image) -> bool:
    """Whether it is Lightship's own image, or one that was baked on top of it."""
    return image.labels.get("org.opencontainers.image.title") == "Lightship" or _runs_as_our_user(image)


def architecture_note(client: DockerClient, image: Image) -> str | None:
    """A text that says so if the image was built for another processor than the engine's; else None."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
    there = str(client.info().get("Architecture", ""))
    wanted = str(image.attrs.get("Architecture", ""))
    engine_architecture = names.get(there, there)
    if not wanted or not engine_architecture or wanted == engine_architecture:
        return None
    return (
        f"the image is for {wanted} and this engine's processor is {engine_architecture}: use an image that was built "
        "for it"
    )


def _runs_as_our_user(image: Image) -> bool:
    return str(image.attrs["Config"].get("User", "")).partition(":")[0] == str(OUR_USER)
