"""The inputs that both sides run: the golden sample, the user's own arrays, photos, or random rows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle
from lightship.bundle.explain_spec import CLASS_INDEX, PREDICTED
from lightship.cli.photos import NamedPhoto, named_photos
from lightship.client.inputs import array_of, fitted
from lightship.engines.comparison import FREE_SIZES, random_inputs
from lightship.errors import InvalidArgument, LightshipError, NotFound
from lightship.images.formats import IMAGE_SUFFIXES
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.saved_model.signatures import CLASSIFY_METHOD, DEFAULT_SIGNATURE, Signature
from lightship.services.examples import examples_of_images
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]

SEED = 1
RANDOM_ROWS = (1, 3)
PHOTOS_AT_ONCE = 32  # each takes megabytes of memory while it is processed
RANDOM = "random"
GOLDEN = "golden sample"


@dataclass(frozen=True, slots=True)
class SampleInputs:
    """The inputs of one request."""

    inputs: Arrays
    # The number of rows that no other request has; 0 for a row that is repeated in a larger request.
    rows: int


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The inputs for one signature."""

    # How the report names these samples.
    label: str
    inputs: Iterable[SampleInputs] = ()
    # Why there are no inputs.
    problem: str = ""


class Samples(Protocol):
    """A source of inputs."""

    def sample_sets(self, signature: Signature) -> Iterator[SampleSet]:
        """Yields at least one set of inputs. The next set is used only if both sides refuse all inputs of one."""


def read_samples(bundle: Bundle, path: str | None) -> Samples:
    """Returns the samples in a file, or generated samples if there is no path.

    path: a `.npz` file with an array for each input, a `.npy` file for the only input, a photo, or a folder of photos.
    Raises NotFound or InvalidArgument for a path that cannot be used.
    """
    if path is None:
        return GeneratedSamples(bundle)
    file = Path(path)
    if file.suffix in (".npz", ".npy"):
        return ArraySamples(file.name, _read_arrays(file))
    if not file.exists():
        raise NotFound(f"{path} does not exist: give a .npz or .npy file, a photo, or a folder of photos")
    if not file.is_dir() and file.suffix.lower() not in IMAGE_SUFFIXES:
        raise InvalidArgument(f"{path} is not a sample: give a .npz or .npy file, a photo, or a folder of photos")
    if bundle.image is None:
        raise InvalidArgument(
            f"{path} names photos, but {bundle.path} has no image spec to turn them into inputs: give arrays in a .npz "
            "file"
        )
    return PhotoSamples(bundle, bundle.image, path)


class ArraySamples:
    """The user's own arrays, by the names of the inputs, or by "" for the only input."""

    def __init__(self, label: str, arrays: Arrays) -> None:
        self._label, self._arrays = label, arrays

    def sample_sets(self, signature: Signature) -> Iterator[SampleSet]:
        arrays = self._arrays
        if set(arrays) == {""} and len(signature.inputs) == 1:
            arrays = {next(iter(signature.inputs)): arrays[""]}
        if arrays.keys() != signature.inputs.keys():
            given, wanted = (", ".join(sorted(names)) or "one unnamed array" for names in (arrays, signature.inputs))
            yield SampleSet(
                self._label, problem=f"{self._label} contains {given}, but the inputs are {wanted}: give exactly these"
            )
            return
        try:
            typed = {name: _typed(arrays[name], name, spec.taken) for name, spec in signature.inputs.items()}
        except InvalidArgument as error:
            yield SampleSet(self._label, problem=f"{self._label}: {error.message}")
            return
        if not any(array.size for array in typed.values()):
            yield SampleSet(self._label, problem=f"{self._label} has no rows: give at least one")
            return
        yield SampleSet(self._label, _split(signature, typed))


class GeneratedSamples:
    """The golden sample if there is one, random images for encoded images, and random rows for other signatures."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def sample_sets(self, signature: Signature) -> Iterator[SampleSet]:
        golden, image = self._bundle.golden, self._bundle.image
        if golden is not None and signature.name == DEFAULT_SIGNATURE:
            yield SampleSet(GOLDEN, _split(signature, golden.inputs))
        elif golden is not None and signature.name in self._bundle.internal_signatures:
            yield SampleSet(GOLDEN, _split(signature, _predicted(golden.inputs)))
        elif image is not None and signature.name in encoded_signatures(self._bundle):
            photos = _noise_photos(image)
            yield SampleSet(RANDOM, _split(signature, _encoded(signature, photos)))
        elif any(spec.dtype is DataType.DT_STRING for spec in signature.inputs.values()):
            yield SampleSet(RANDOM, problem="there are no random strings: give inputs with --samples FILE.npz")
        else:
            for free in FREE_SIZES if _has_free_inner(signature) else FREE_SIZES[:1]:
                yield _random(signature, free)


class PhotoSamples:
    """Image files, sent as encoded images or prepared for the model, depending on the signature."""

    def __init__(self, bundle: Bundle, image: ImageSpec, path: str) -> None:
        self._bundle, self._image, self._label = bundle, image, Path(path).name
        self._photos = [_photo(one) for one in named_photos([path])]

    def sample_sets(self, signature: Signature) -> Iterator[SampleSet]:
        if signature.name in encoded_signatures(self._bundle):
            yield SampleSet(self._label, self._encoded(signature))
        elif signature.name in self._bundle.internal_signatures or (
            signature.name == DEFAULT_SIGNATURE and len(signature.inputs) == 1
        ):
            yield SampleSet(self._label, self._prepared(signature))
        else:
            yield SampleSet(self._label, problem="the signature takes no photos: give arrays with --samples FILE.npz")

    def _encoded(self, signature: Signature) -> Iterator[SampleInputs]:
        for some, rows in self._parts():
            yield SampleInputs(_encoded(signature, [photo.read() for photo in some]), rows)

    def _prepared(self, signature: Signature) -> Iterator[SampleInputs]:
        ((name, spec),) = ((name, spec) for name, spec in signature.inputs.items() if name != CLASS_INDEX)
        for some, rows in self._parts():
            array = np.stack([_prepare(photo, self._image) for photo in some]).astype(spec.taken.numpy)
            inputs = {name: array}
            yield SampleInputs(_predicted(inputs) if CLASS_INDEX in signature.inputs else inputs, rows)

    def _parts(self) -> Iterator[tuple[list[NamedPhoto], int]]:
        """Yields the first photo alone, then all photos in groups; each with the number of photos that are new."""
        if len(self._photos) > 1:
            yield self._photos[:1], 0
        for start in range(0, len(self._photos), PHOTOS_AT_ONCE):
            some = self._photos[start : start + PHOTOS_AT_ONCE]
            yield some, len(some)


def _rows_of(arrays: Arrays) -> int:
    return max((len(array) if array.ndim else 1 for array in arrays.values()), default=1)


def _read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """Reads arrays without running code from the file."""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist: give a .npz or .npy file") from error
    except Exception as error:  # numpy and zipfile raise many kinds of errors for broken files
        raise InvalidArgument(
            f"{file} cannot be read: {error}; write it with numpy.savez, strings with dtype 'S' or 'U'"
        ) from error


def _typed(array: NDArray[Any], name: str, dtype: DataType) -> NDArray[Any]:
    if dtype is not DataType.DT_STRING:
        return fitted(array_of(array, name), name, dtype.numpy)
    if array.dtype.kind not in "SU":
        raise InvalidArgument(
            f"input {name} takes strings, but the array has dtype {array.dtype}: use dtype 'S' or 'U'"
        )
    try:
        texts = np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"input {name} contains a text that is not valid Unicode: {error}") from error
    return texts.astype(object)


def _split(signature: Signature, arrays: Arrays) -> Iterator[SampleInputs]:
    """Yields the inputs of one request with all rows, or of several with as many rows as the signature declares.

    If the first dimension is free, also yields the first row alone, because an engine may compute one row differently
    from several. All rows stay together then, because the first dimension may not be a batch.
    """
    firsts = {spec.shape[0] if spec.shape else None for spec in signature.inputs.values()}
    lengths = {len(array) if array.ndim else None for array in arrays.values()}
    (first,), (length,) = (firsts, lengths) if len(firsts) == len(lengths) == 1 else ((None,), (None,))
    if first is None or length is None:
        yield SampleInputs(arrays, _rows_of(arrays))
    elif first < 0:
        if length > 1:
            yield SampleInputs({name: array[:1] for name, array in arrays.items()}, 0)
        yield SampleInputs(arrays, length)
    else:
        for start in range(0, length, max(first, 1)):
            some = {name: array[start : start + max(first, 1)] for name, array in arrays.items()}
            yield SampleInputs(some, _rows_of(some))


def _random(signature: Signature, free: int) -> SampleSet:
    generator = np.random.default_rng(SEED)
    calls = [(random_inputs(signature, rows, generator, free), rows) for rows in RANDOM_ROWS]
    made = [(inputs, rows) for inputs, rows in calls if inputs is not None]
    if not made:
        problem = "there are no random inputs for a sparse tensor, an unknown rank or a very large shape"
        return SampleSet(RANDOM, problem=f"{problem}: give inputs with --samples FILE.npz")
    if not any((spec.shape or ())[:1] == (-1,) for spec in signature.inputs.values()):
        # The number of rows is fixed, so other requests would be the same.
        return SampleSet(RANDOM, [SampleInputs(made[0][0], _rows_of(made[0][0]))])
    return SampleSet(RANDOM, [SampleInputs(inputs, rows) for inputs, rows in made])


def _has_free_inner(signature: Signature) -> bool:
    return any(size < 0 for spec in signature.inputs.values() for size in (spec.shape or ())[1:])


def _encoded(signature: Signature, photos: list[bytes]) -> Arrays:
    """Returns inputs for a signature that takes encoded images, or examples that contain them."""
    values = examples_of_images(photos) if signature.method_name == CLASSIFY_METHOD else photos
    array = np.empty(len(values), object)
    array[:] = values
    inputs = {next(name for name in signature.inputs if name != CLASS_INDEX): array}
    return {**inputs, CLASS_INDEX: np.zeros(len(values), np.int32)} if CLASS_INDEX in signature.inputs else inputs


def encoded_signatures(bundle: Bundle) -> frozenset[str]:
    """Returns the signatures that take encoded images, which the server answers itself."""
    return bundle.image_signatures | bundle.explain_signatures


def _predicted(inputs: Arrays) -> Arrays:
    """Returns inputs for a method of explanation, for the class with the highest score of each row."""
    return {**inputs, CLASS_INDEX: np.full(_rows_of(inputs), PREDICTED, np.int32)}


def _noise_photos(image: ImageSpec) -> list[bytes]:
    """Returns PNGs of large random patches. Convolutions hardly distinguish pure noise."""
    from PIL import Image

    generator = np.random.default_rng(SEED)
    height, width = image.size
    photos = []
    for _ in range(max(RANDOM_ROWS)):
        patches = generator.integers(0, 256, (5, 5, image.channels), np.uint8)
        pixels = patches[np.arange(height) * 5 // height][:, np.arange(width) * 5 // width]
        buffer = io.BytesIO()
        Image.fromarray(pixels[..., 0] if image.channels == 1 else pixels).save(buffer, "PNG")
        photos.append(buffer.getvalue())
    return photos


def _photo(one: NamedPhoto | LightshipError) -> NamedPhoto:
    if isinstance(one, LightshipError):
        raise one
    return one


def _prepare(photo: NamedPhoto, image: ImageSpec) -> NDArray[np.float32]:
    encoded = photo.read()
    try:
        return prepare(encoded, image)
    except LightshipError as error:
        raise type(error)(f"{photo.name}: {error.message}") from error
