"""The image that a container is made of: found, or pulled, and what it says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightship.docker.build_plan import OUR_IMAGE
from lightship.docker.engine import said_by
from lightship.errors import NotFound

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.images import Image

OUR_USER = 10001  # whom the server runs as in our image


def image_of(client: DockerClient, name: str) -> Image:
    """The image, pulled if it is another's and not there. Ours is built, never pulled: nobody else's is called so.

    Raises NotFound with what to do.
    """
    from docker.errors import APIError, ImageNotFound

    try:
        return client.images.get(name)
    except ImageNotFound:
        pass
    if name.partition(":")[0] == OUR_IMAGE.partition(":")[0]:
        raise NotFound(
            f"there is no image {name}: build it in a checkout of Lightship with `make image`, "
            "or name another one, --image tensorflow/serving:2.20.0"
        )
    try:
        pulled = client.images.pull(name) if _has_tag(name) else client.images.pull(name, tag="latest")
    except APIError as error:
        raise NotFound(
            f"there is no image {name}, and it cannot be pulled: {said_by(error)}; check its name, or this machine's "
            f"way to the registry, by `docker pull {name}`"
        ) from error
    return pulled


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


def _has_tag(name: str) -> bool:
    return "@" in name or ":" in name.rpartition("/")[2]


def _runs_as_our_user(image: Image) -> bool:
    return str(image.attrs["Config"].get("User", "")).partition(":")[0] == str(OUR_USER)
