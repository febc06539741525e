"""Why a model gave a photo its class: the result of `explain_image`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightship.client import views
from lightship.errors import InvalidArgument, LightshipError, NotFound, PermissionDenied
from lightship.images.fit import WHOLE, Region

if TYPE_CHECKING:
    from PIL import Image

    from lightship.client.photos import Photo

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MAP_SUFFIX = ".npy"
_QUALITY = 92  # of a JPEG or WebP


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Which parts of a photo raise the score of a class."""

    label: str
    """The class that is explained; empty if the model has no labels."""

    class_index: int | None
    """Its index; None if the server tells only labels."""

    score: float
    """What the model answers for this class."""

    logit: float | None
    """What the map explains: the score before the last activation. None over gRPC and for "rise"."""

    map: NDArray[np.float32]
    """[height, width], of the explained layer's own size. A larger number raises the score of the class more."""

    method: str
    """Such as "cam" or "rise"; empty if the server does not say."""

    layer: str | None
    """The name of the explained layer; None over gRPC and for "rise"."""

    model: str

    version: int | None
    """As in `Prediction`."""

    region: Region | None = None
    """The part of the photo that the map covers: left, top, right and bottom as fractions of the photo's width and
    height. Without cropping or padding it is (0, 0, 1, 1). None if it is not known, as over gRPC without `bundle=` or
    `image=`; `peak` and `overlay` then take the whole photo, which is wrong for a model that crops or pads."""

    photo: bytes | None = field(default=None, repr=False)
    """The explained image file; None for an array that is no photo."""

    @property
    def peak(self) -> tuple[float, float]:
        """Where the map is largest, as fractions of the photo's width and height, from its left and top edge."""
        row, column = np.unravel_index(int(np.nan_to_num(self.map, nan=-np.inf).argmax()), self.map.shape)
        height, width = self.map.shape
        left, top, right, bottom = self.region or WHOLE
        return (
            left + (right - left) * (float(column) + 0.5) / width,
            top + (bottom - top) * (float(row) + 0.5) / height,
        )

    def overlay(
        self, photo: Photo | None = None, *, colormap: str | None = None, alpha: float | None = None
    ) -> Image.Image:
        """Returns the photo with the map over it as a heat map, a PIL image in RGB.

        photo: another photo of the same proportions to draw on; by default the explained one. Without any, the picture
            shows the map alone.
        colormap, alpha: the colours and how much they cover, from 0 to 1; by default a map that colour-blind people can
            read, over half of the photo's own colours.

        Raises InvalidArgument for an unknown colormap, an alpha out of range, or a photo that cannot be decoded.
        """
        from lightship.client.heat_maps import draw_overlay  # imports Pillow

        return draw_overlay(self, photo, colormap, alpha)

    def save(self, path: str | os.PathLike[str], *, colormap: str | None = None, alpha: float | None = None) -> None:
        """Writes the overlay as .png, .jpg or .webp, or the map alone as .npy. Replaces a file of this name.

        Raises InvalidArgument for another suffix and the errors of `overlay`, NotFound if the folder does not exist,
        and PermissionDenied if the file may not be written.
        """
        suffix = checked_suffix(path)
        picture = None if suffix == MAP_SUFFIX else self.overlay(colormap=colormap, alpha=alpha)
        try:
            if picture is None:
                with open(path, "wb") as file:
                    np.save(file, self.map, allow_pickle=False)
            else:
                picture.save(path, quality=_QUALITY)  # which PNG ignores
        except OSError as error:
            raise _write_error(path, error) from error

    def __repr__(self) -> str:
        return views.explanation_text(self)

    def _repr_html_(self) -> str:
        return views.explanation_html(self)


def checked_suffix(path: str | os.PathLike[str]) -> str:
    """Returns the suffix of a file for `Explanation.save`. Raises InvalidArgument for one that it cannot write."""
    suffix = Path(path).suffix.lower()
    if suffix in (*PICTURE_SUFFIXES, MAP_SUFFIX):
        return suffix
    nearest = get_close_matches(suffix, (*PICTURE_SUFFIXES, MAP_SUFFIX), 1)
    meant = f" (did you mean {nearest[0]}?)" if nearest else ""
    ending = f"ends in {suffix!r}{meant}" if suffix else "has no file ending"
    raise InvalidArgument(
        f"{path} {ending}: give a name that ends in {', '.join(PICTURE_SUFFIXES)} for the photo with the heat map, "
        f"or in {MAP_SUFFIX} for the map alone"
    )


def _write_error(path: Any, error: OSError) -> LightshipError:
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{path} cannot be written: give this user the right to write it")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return NotFound(f"{path} cannot be written, because its folder does not exist: make the folder first")
    if isinstance(error, IsADirectoryError):
        return InvalidArgument(f"{path} is a folder: give the path of a file")
    return InvalidArgument(f"{path} cannot be written: {error.strerror or error}")
