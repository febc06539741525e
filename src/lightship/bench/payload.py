"""The inputs of the requests: made up from the model's metadata, or read from photos or from a file."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.client.rest.tensors import numpy_type
from lightship.client.results import ModelMetadata, SignatureInfo, TensorInfo
from lightship.errors import InvalidArgument, NotFound
from lightship.files import read_bytes
from lightship.images.decode import decode_image
from lightship.suffixes import IMAGE_SUFFIXES

DEFAULT_SIGNATURE = "serving_default"
Arrays = Mapping[str, NDArray[Any]]
_MAX_PHOTOS = 100  # that are sent in turn; every process of load holds them
_MAX_ELEMENTS = 1 << 28  # of a made-up input


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent."""

    signature: str

    inputs: Sequence[Arrays]
    """The inputs of each request, which are sent in turn."""

    rows: int
    """Of each request."""

    description: str
    """For people, such as "x: float32 of 1x4"."""


def made_up(
    metadata: ModelMetadata, signature: str | None, rows: int, shapes: Mapping[str, tuple[int, ...]]
) -> Payload:
    """Returns random inputs for a signature: floats from 0 to 1, whole numbers 0 and 1.

    shapes: of inputs whose metadata leaves more open than the number of rows. Raises InvalidArgument for a signature
    that the model does not have, for sizes that are not known, and for strings.
    """
    name = signature or DEFAULT_SIGNATURE
    info = signature_of(metadata, name)
    unknown = [one for one in shapes if one not in info.inputs]
    if unknown:
        raise InvalidArgument(f"signature {name} has no input {unknown[0]}: it has {', '.join(info.inputs)}")
    random = np.random.default_rng(0)
    arrays = {one: _values(random, one, tensor, rows, shapes.get(one)) for one, tensor in info.inputs.items()}
    return Payload(name, [arrays], _rows(arrays), described(arrays))


def of_photos(folder: str, metadata: ModelMetadata, signature: str | None, rows: int) -> Payload:
    """Returns requests with the photos of a folder, `rows` in each.

    Without `signature`, the first signature that takes encoded images is used. One whose input is pixels gets them
    resized to its size, with values from 0 to 255 for floats. Raises InvalidArgument if no signature takes photos, and
    NotFound for a folder without any.
    """
    name = signature or _photo_signature(metadata)
    info = signature_of(metadata, name)
    if len(info.inputs) != 1:
        raise InvalidArgument(f"signature {name} takes {', '.join(info.inputs)}, and photos are one input")
    ((input_name, tensor),) = info.inputs.items()
    photos = [_photo(path, tensor, name) for path in photo_paths(folder)]
    requests = [
        {input_name: np.stack([photos[(first + row) % len(photos)] for row in range(rows)])}
        for first in range(0, len(photos), rows)
    ]
    return Payload(name, requests, rows, f"{input_name}: {len(photos)} photos of {folder}, {rows} in each request")


def of_file(path: str, metadata: ModelMetadata, signature: str | None) -> Payload:
    """Returns a request with the arrays of a `.npz` file, by the names of the inputs.

    Raises InvalidArgument for another file, and for other names.
    """
    name = signature or DEFAULT_SIGNATURE
    info = signature_of(metadata, name)
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as archive:
            arrays = {one: archive[one] for one in archive.files}
    except (ValueError, EOFError, AttributeError, OSError, zipfile.BadZipFile) as error:
        raise InvalidArgument(f"{path} is not a .npz file that can be read: write it with numpy.savez") from error
    if arrays.keys() != info.inputs.keys():
        raise InvalidArgument(
            f"{path} has {', '.join(arrays) or 'nothing'}, but the inputs of signature {name} are "
            f"{', '.join(info.inputs)}: give exactly these"
        )
    return Payload(name, [arrays], _rows(arrays), described(arrays))


def signature_of(metadata: ModelMetadata, name: str) -> SignatureInfo:
    """Raises InvalidArgument if the model does not have the signature."""
    found = metadata.signatures.get(name)
    if found is None:
        raise InvalidArgument(
            f"model {metadata.model} has no signature {name}: it has {', '.join(metadata.signatures) or 'none'}"
        )
    return found


def photo_paths(folder: str) -> list[Path]:
    """Returns the first photos below a folder, at most 100. Raises NotFound without any."""
    if not os.path.isdir(folder):
        raise NotFound(f"{folder} is not a folder: give a folder of photos")
    found = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    if not found:
        raise NotFound(f"{folder} has no photos: their names end in {', '.join(sorted(IMAGE_SUFFIXES))}")
    return found[:_MAX_PHOTOS]


def described(arrays: Arrays) -> str:
    return ", ".join(f"{name}: {_type(one)} of {_size(one.shape)}" for name, one in arrays.items())


def _type(array: NDArray[Any]) -> str:
    return "strings" if array.dtype.hasobject else array.dtype.name


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "one number"


def _rows(arrays: Arrays) -> int:
    sizes = {one.shape[0] if one.ndim else 1 for one in arrays.values()}
    return sizes.pop() if len(sizes) == 1 else 1


def _values(
    random: np.random.Generator, name: str, tensor: TensorInfo, rows: int, given: tuple[int, ...] | None
) -> NDArray[Any]:
    dtype = numpy_type(tensor.dtype)
    if dtype is None:
        wanted = "photos (--photos FOLDER) or a file (--data FILE)" if tensor.dtype == "DT_STRING" else "--data FILE"
        raise InvalidArgument(f"input {name} is {tensor.dtype}, which cannot be made up: give {wanted}")
    shape = given or _shape(name, tensor, rows)
    if np.prod([float(size) for size in shape]) > _MAX_ELEMENTS:
        raise InvalidArgument(f"input {name} of {_size(shape)} is too large: give at most {_MAX_ELEMENTS} elements")
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        return random.integers(0, 2, shape).astype(dtype)
    return random.random(shape).astype(dtype)


def _shape(name: str, tensor: TensorInfo, rows: int) -> tuple[int, ...]:
    if tensor.shape is None:
        known, example = "of any rank", f"{rows},16"
    elif -1 in tensor.shape[1:]:
        known = "x".join("?" if size < 0 else str(size) for size in tensor.shape)
        example = ",".join([str(rows), *(str(size) if size >= 0 else "16" for size in tensor.shape[1:])])
    else:
        return tuple(rows if size < 0 else size for size in tensor.shape)
    raise InvalidArgument(
        f"the metadata leaves the size of input {name} open ({known}): give it, such as --shape {name}={example}"
    )


def _photo_signature(metadata: ModelMetadata) -> str:
    for name, info in metadata.signatures.items():
        tensors = list(info.inputs.values())
        encoded = len(tensors) == 1 and tensors[0].dtype == "DT_STRING" and len(tensors[0].shape or (0, 0)) == 1
        if encoded and info.method_name.endswith("/predict") and not name.startswith("explain"):
            return name
    return DEFAULT_SIGNATURE


def _photo(path: Path, tensor: TensorInfo, signature: str) -> NDArray[Any]:
    data = read_bytes(path)
    if tensor.dtype == "DT_STRING":
        return np.array(data, dtype=object)
    dtype, shape = numpy_type(tensor.dtype), tensor.shape
    if dtype is None or dtype.kind not in "fiu" or shape is None or len(shape) != 4 or shape[3] not in (1, 3):
        raise InvalidArgument(f"signature {signature} takes no photos: its input is {tensor.dtype}, shape {shape}")
    pixels = decode_image(data, "rgb" if shape[3] == 3 else "grayscale")
    image = Image.fromarray(pixels[..., 0] if shape[3] == 1 else pixels)
    width, height = (size if size > 0 else own for size, own in zip((shape[2], shape[1]), image.size, strict=True))
    if shape[1] < 0 or shape[2] < 0:  # photos of different sizes cannot be one tensor
        width = height = 224
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    return resized.reshape(height, width, shape[3]).astype(dtype)
