"""Images of which parts are hidden, as a model takes them, and the scores that it gives them.

A model that takes tensors gets preprocessed arrays. One whose preprocessing only the server knows gets encoded photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.client.class_choice import ClassChoice, find_class
from lightship.client.photos import Photo, as_png, encoded
from lightship.client.preprocessing import (
    DEFAULT_SIGNATURE,
    ENCODED_IMAGE_SIGNATURE,
    ClientPreprocessing,
    decodes_in_the_graph,
    without_spec,
)
from lightship.client.results import ModelMetadata, SignatureInfo
from lightship.errors import FailedPrecondition, InvalidArgument, Unknown
from lightship.images.decode import convert_as_pillow
from lightship.images.fit import WHOLE, Region, seen_region
from lightship.images.opening import open_image
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.tensors.dtypes import DataType

Floats = NDArray[np.float32]

MAX_ROWS = 32  # images of one request; more would not be faster
_MAX_REQUEST_BYTES = 64 << 20
_MAX_PHOTO_SIDE = 256  # pixels of a photo that is sent again and again
_BLUR = 0.06  # of the image's shorter side


class MaskedImages(Protocol):
    """One image, parts of which can be hidden."""

    @property
    def size(self) -> tuple[int, int]:
        """The height and width of a mask."""

    @property
    def rows(self) -> int:
        """How many images one request may have."""

    @property
    def signature(self) -> str:
        """The signature that takes the images."""

    @property
    def photo(self) -> bytes | None:
        """The encoded photo, if it is one."""

    @property
    def region(self) -> Region | None:
        """The part of the photo that a mask covers."""

    def inputs(self, masks: Floats, *, blurred: bool = False) -> NDArray[Any]:
        """The input of the signature for masks [N, height, width].

        Where a mask is 1 an image is as it was, and where it is 0 it is black, or if `blurred` without details.
        """

    def scores(self, outputs: Mapping[str, NDArray[Any]], count: int) -> Floats:
        """The scores [count, classes] in the signature's outputs; the order of the classes stays the same."""

    def column(self, class_: ClassChoice, scores: Floats) -> int:
        """The column of a class; for None the one with the best score in the first row. Raises InvalidArgument."""

    def name(self, column: int) -> tuple[str, int | None]:
        """The label of a column, or an empty text, and its index if it is known."""


def masked_images(photo: Photo, described: ModelMetadata, preprocessing: ClientPreprocessing) -> MaskedImages:
    """Returns the photo in the form in which the model takes it.

    If the model takes no photos, an array is the model's own input for one image, without the first dimension.
    Raises FailedPrecondition if the model takes no photos and the client does not know the preprocessing, and the
    errors of `encoded`.
    """
    if preprocessing.image is not None:
        data, spec = encoded(photo), preprocessing.spec_for(described)
        region = seen_region(*open_image(data).size, spec)
        return TensorImages(prepare(data, spec), _black(spec), described, preprocessing.labels, data, region)
    if decodes_in_the_graph(described):
        return PhotoImages(encoded(photo), preprocessing.labels)
    if isinstance(photo, np.ndarray):
        array = own_input(photo, described)
        return TensorImages(array, np.zeros((), np.float32), described, preprocessing.labels)
    raise without_spec(described)


def own_input(array: NDArray[Any], described: ModelMetadata) -> Floats:
    """Returns an array that is a model's own input for one image: float32 [height, width, ...].

    Raises InvalidArgument if it is not one image of numbers.
    """
    info = _only_input(described)
    shape = next(iter(info.inputs.values())).shape
    if array.dtype.kind not in "iuf" or array.ndim < 2 or not array.size:
        raise InvalidArgument(
            f"an array of {array.dtype} and shape {array.shape} cannot be explained: give numbers, [height, width, "
            "channels] or [height, width], as the model takes them"
        )
    if shape is not None and len(shape) != array.ndim + 1:
        raise InvalidArgument(
            f"an array of shape {array.shape} is not one image for model {described.model}, whose input has the shape "
            f"{list(shape)}: give one image, without the first dimension"
        )
    return array.astype(np.float32)


class TensorImages:
    """A preprocessed image [height, width, ...] for `serving_default`."""

    signature = DEFAULT_SIGNATURE

    def __init__(
        self,
        image: Floats,
        black: Floats,
        described: ModelMetadata,
        labels: Sequence[str] | None = None,
        photo: bytes | None = None,
        region: Region | None = None,
    ) -> None:
        """black: a hidden pixel, which can be broadcast to the image."""
        self._image, self._black, self._labels = image, black, labels
        self.photo, self.region, self._model = photo, region, described.model
        (info,) = _only_input(described).inputs.values()
        self._dtype = DataType[info.dtype].numpy if info.dtype in DataType.__members__ else np.dtype(np.float32)
        self._fixed = info.shape[0] if info.shape and info.shape[0] > 0 else None
        self.size = (image.shape[0], image.shape[1])
        self.rows = self._fixed or max(1, min(MAX_ROWS, _MAX_REQUEST_BYTES // max(1, image.nbytes)))

    def inputs(self, masks: Floats, *, blurred: bool = False) -> NDArray[Any]:
        hidden = _blurred(self._image) if blurred else self._black
        shape = (*masks.shape, *[1] * (self._image.ndim - 2))
        images = hidden + masks.reshape(shape) * (self._image - hidden)
        if self._fixed is not None and len(images) < self._fixed:
            images = np.concatenate([images, np.repeat(images[-1:], self._fixed - len(images), axis=0)])
        typed: NDArray[Any] = (np.rint(images) if self._dtype.kind in "iu" else images).astype(self._dtype)
        return typed

    def scores(self, outputs: Mapping[str, NDArray[Any]], count: int) -> Floats:
        arrays = list(outputs.values())
        if len(arrays) != 1 or arrays[0].ndim != 2 or len(arrays[0]) < count:
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
            raise FailedPrecondition(
                f"model {self._model} does not answer an image with one row of scores, but with {shapes or 'nothing'}: "
                "only a classifier can be explained"
            )
        return arrays[0][:count].astype(np.float32)

    def column(self, class_: ClassChoice, scores: Floats) -> int:
        if class_ is None:
            return int(scores[0].argmax())
        return find_class(class_, self._labels_of(scores.shape[1]), scores.shape[1])

    def name(self, column: int) -> tuple[str, int | None]:
        labels = self._labels or ()
        return (labels[column] if column < len(labels) else ""), column

    def _labels_of(self, count: int) -> Sequence[str] | None:
        if self._labels is not None and len(self._labels) != count:
            raise FailedPrecondition(f"the model gives {count} scores, but there are {len(self._labels)} labels")
        return self._labels


class PhotoImages:
    """A photo for `image_bytes`, whose preprocessing only the server knows. A large one is made smaller."""

    signature = ENCODED_IMAGE_SIGNATURE
    rows = MAX_ROWS
    region: Region | None = WHOLE

    def __init__(self, photo: bytes, labels: Sequence[str] | None = None) -> None:
        """labels: in index order, if they are known."""
        self.photo, self._index_order = photo, labels
        small = convert_as_pillow(open_image(photo), "rgb")
        small.thumbnail((_MAX_PHOTO_SIDE, _MAX_PHOTO_SIDE))
        self._image = np.asarray(small, np.float32)
        self.size = (self._image.shape[0], self._image.shape[1])
        self._labels: list[str] = []  # of the columns

    def inputs(self, masks: Floats, *, blurred: bool = False) -> NDArray[Any]:
        hidden = _blurred(self._image) if blurred else np.zeros((), np.float32)
        images = hidden + masks[..., np.newaxis] * (self._image - hidden)
        files = np.empty(len(images), object)
        files[:] = [as_png(Image.fromarray(image)) for image in np.rint(images).astype(np.uint8)]
        return files

    def scores(self, outputs: Mapping[str, NDArray[Any]], count: int) -> Floats:
        labels, scores = outputs.get("labels"), outputs.get("scores")
        if labels is None or scores is None or labels.shape != scores.shape or labels.shape[:1] != (count,):
            raise Unknown(f"the signature {self.signature} answered without labels and scores for each image")
        if not self._labels:
            self._labels = list(dict.fromkeys(labels[0].tolist()))
        columns = {label: column for column, label in enumerate(self._labels)}
        found = np.zeros((count, len(columns)), np.float32)
        for row, names, values in zip(found, labels, scores, strict=True):
            for label, value in zip(reversed(names.tolist()), reversed(values.tolist()), strict=True):
                if label in columns:
                    row[columns[label]] = value  # of several classes with one label the best, which is the last here
        return found

    def column(self, class_: ClassChoice, scores: Floats) -> int:
        if class_ is None:
            return int(scores[0].argmax())
        if isinstance(class_, int):
            class_ = self._label_of(class_)
        if class_ not in self._labels and class_.isdecimal():
            class_ = self._label_of(int(class_))
        return find_class(class_, self._labels, len(self._labels))

    def name(self, column: int) -> tuple[str, int | None]:
        label, order = self._labels[column], self._index_order
        return label, list(order).index(label) if order is not None and label in order else None

    def _label_of(self, index: int) -> str:
        if self._index_order is None:
            raise InvalidArgument(
                f"class {index} is an index, but the server tells only labels: give the label, or give the client "
                "labels=[...] or bundle="
            )
        return self._index_order[find_class(index, None, len(self._index_order))]


def _only_input(described: ModelMetadata) -> SignatureInfo:
    signature = described.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1:
        raise FailedPrecondition(
            f"model {described.model} has no signature {DEFAULT_SIGNATURE} with one input, so it cannot be explained"
        )
    return signature


def _black(spec: ImageSpec) -> Floats:
    """Returns a black pixel, preprocessed. Every preprocessing multiplies and adds, so that it may be done first."""
    return spec.preprocessing.apply(np.zeros((1, 1, spec.channels), np.float32))


def _blurred(image: Floats) -> Floats:
    """Returns the image without its details: three averages along each axis, which are nearly a Gaussian blur."""
    radius = max(1, round(_BLUR * min(image.shape[:2])))
    for _ in range(3):
        for axis in (0, 1):
            image = _averaged(image, radius, axis)
    return image


def _averaged(image: Floats, radius: int, axis: int) -> Floats:
    """Returns the mean of each `2 * radius + 1` neighbours along an axis; beyond the edge is what is at the edge."""
    width = [(0, 0)] * image.ndim
    width[axis] = (radius + 1, radius)
    sums = np.cumsum(np.pad(image.astype(np.float64), width, mode="edge"), axis=axis)
    length, window = image.shape[axis], 2 * radius + 1
    later = np.take(sums, range(window, window + length), axis=axis)
    earlier = np.take(sums, range(length), axis=axis)
    return ((later - earlier) / window).astype(np.float32)
