"""The image that a container is made of: found, or pulled, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightship.docker.build_plan import OUR_IMAGE
from lightship.docker.engine import error_text
from lightship.docker.full_disk import disk_is_full, is_full
from lightship.errors import LightshipError, NotFound, ResourceExhausted

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

OUR_USER = 10001  # whom the server runs as in our image


def image_of(client: DockerClient, name: str, platform: str | None = None) -> Image:
    """The image, pulled if it is another's and not there. Ours is built, never pulled: nobody else's is called so.

    platform: what to pull it for. Raises NotFound with what to do.
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
    """The image as the registry has it now. platform: such as linux/arm64, the engine's own by default.

    Raises NotFound where it cannot be had, ResourceExhausted where the engine's disk is full.
    """
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    try:
        for message in client.api.pull(repository, tag or "latest", stream=True, decode=True, platform=platform):
            if "error" in message:  # what goes wrong late is said in the stream alone
                raise _not_pulled(name, str(message["error"]))
        return client.images.get(name)
    except APIError as error:
        raise _not_pulled(name, error_text(error)) from error


def _not_pulled(name: str, reason: str) -> LightshipError:
    reason = " ".join(reason.split())
    if is_full(reason):
        return ResourceExhausted(f"the image {name} cannot be pulled: {disk_is_full(reason)}")
    return NotFound(
        f"the image {name} cannot be pulled: {reason}; check its name, or this machine's way to the registry, by "
        f"`docker pull {name}`"
    )


def is_ours(image: Image) -> bool:
    """Whether it is our image, or one baked on top of it."""
    return image.labels.get("org.opencontainers.image.title") == "Lightship" or _runs_as_our_user(image)


def architecture_note(client: DockerClient, image: Image) -> str | None:
    """What is wrong where the image was built for another processor than the engine's."""
    names = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
    there = str(client.info().get("Architecture", ""))
    wanted = str(image.attrs.get("Architecture", ""))
    engine_architecture = names.get(there, there)
    if not wanted or not engine_architecture or wanted == engine_architecture:
        return None
    return f"the image is for {wanted} and this engine's processor is {engine_architecture}: take an image built for it"


def _runs_as_our_user(image: Image) -> bool:
    return str(image.attrs["Config"].get("User", "")).partition(":")[0] == str(OUR_USER)
