"""Small copies of photos, as addresses that hold the whole picture, so that a page loads nothing."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

from PIL import Image

from lightship.errors import LightshipError, TooLarge
from lightship.files import read_bytes
from lightship.images.decode import convert_as_tensorflow
from lightship.images.opening import open_image

SIDE = 320  # pixels of the longer side of a small copy
MAX_PHOTO_BYTES = 256 << 20
_QUALITY = 80  # of JPEG


def thumbnail(data: bytes, side: int = SIDE) -> str:
    """Returns a small copy of an encoded photo, a JPEG as an address of the scheme `data:`.

    It has no metadata, and the photo is not turned as its EXIF says: it is shown as the model sees it.

    Raises InvalidArgument if the photo cannot be decoded, and TooLarge if it has too many pixels.
    """
    image = open_image(data)
    if image.format == "JPEG" and image.mode == "RGB":
        image.draft("RGB", (side, side))  # decodes fewer pixels of a large photo
    small = Image.fromarray(convert_as_tensorflow(image, "rgb"))
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = BytesIO()
    small.save(file, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def read_thumbnail(path: Path, side: int = SIDE) -> str | None:
    """Returns a small copy of a photo; None if it cannot be read, such as one that was deleted meanwhile."""
    try:
        data = read_bytes(path, MAX_PHOTO_BYTES + 1)
        if len(data) > MAX_PHOTO_BYTES:
            raise TooLarge(f"{path} has more than {MAX_PHOTO_BYTES} bytes: give a smaller photo")
        return thumbnail(data, side)
    except LightshipError:
        return None
