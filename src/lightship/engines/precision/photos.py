"""Photos of a folder as inputs of a model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle
from lightship.datasets.reading import MAX_PHOTO_BYTES
from lightship.datasets.walking import files_below, is_photo
from lightship.errors import FailedPrecondition, LightshipError
from lightship.files import read_regular
from lightship.images.prepare import prepare
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

logger = logging.getLogger(__name__)

# Of more photos, so many are taken, evenly from the whole list.
MAX_PHOTOS = 1000


def find_photos(folder: Path, most: int = MAX_PHOTOS) -> list[Path]:
    """Returns the photos in a folder and its subfolders, at most `most`.

    Raises NotFound if the folder does not exist, PermissionDenied if it cannot be listed, and FailedPrecondition if it
    has no photo.
    """
    files = sorted(file for file in files_below(folder) if is_photo(file))
    if not files:
        raise FailedPrecondition(f"{folder} has no photos: give a folder with .jpg, .png or other image files")
    if len(files) <= most:
        return files
    logger.info("%s: %d of %d photos are used", folder, most, len(files))
    return [files[index * len(files) // most] for index in range(most)]


def takes_photos(bundle: Bundle) -> bool:
    """Returns whether the version says how a photo becomes its input."""
    signature = bundle.saved_model.signatures.get(DEFAULT_SIGNATURE)
    return bundle.image is not None and signature is not None and len(signature.inputs) == 1


def photo_inputs(bundle: Bundle, photos: list[Path]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yields the inputs of `serving_default` for each photo, one row each. Photos that cannot be read are left out.

    Raises FailedPrecondition if none can be read. The version takes photos.
    """
    assert bundle.image is not None
    ((name, spec),) = bundle.saved_model.signatures[DEFAULT_SIGNATURE].inputs.items()
    read = 0
    for file in photos:
        try:
            pixels = prepare(read_regular(file, MAX_PHOTO_BYTES), bundle.image)
        except LightshipError as error:
            logger.warning("%s is left out: %s", file, error.message)
            continue
        read += 1
        yield {name: pixels[np.newaxis].astype(spec.taken.numpy, copy=False)}
    if not read:
        raise FailedPrecondition(f"none of {len(photos)} photos, such as {photos[0]}, can be read: give other photos")
