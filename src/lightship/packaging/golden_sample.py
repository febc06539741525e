"""Creates the golden sample: inputs, and the trained model's outputs for them."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lightship.bundle.golden import Golden
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound
from lightship.files import read_bytes, where_images_belong
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.packaging.arguments import argument, golden_example
from lightship.packaging.library_errors import reason_of, reraise_as
from lightship.packaging.trained import Arrays, ModelInput, TrainedModel
from lightship.suffixes import IMAGE_SUFFIXES

GoldenImages = str | Path | Sequence[str | Path]

MAX_IMAGES = 8
SEED = 1
# The sizes that are tried for free dimensions: a small one first, then the usual one of image models.
_FREE_SIZES = (32, 224)
_FEW = 3  # texts in a row, where the number is free


class UninformativeGoldenWarning(UserWarning):
    """The golden sample's inputs differ, but its outputs do not, so it cannot detect a wrong conversion."""


def noise_images(image: ImageSpec, count: int = 2) -> list[NDArray[np.uint8]]:
    """Returns seeded images [height, width, channels] of large patches. Convolutions hardly distinguish pure noise."""
    generator = np.random.default_rng(SEED)
    height, width = image.size
    pictures = []
    for _ in range(count):
        patches = generator.integers(0, 256, (5, 5, image.channels), np.uint8)
        rows, columns = np.arange(height) * 5 // height, np.arange(width) * 5 // width
        grain = generator.integers(-20, 21, (height, width, image.channels))
        pictures.append(np.clip(patches[rows][:, columns] + grain, 0, 255).astype(np.uint8))
    return pictures


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encodes uint8 pixels [height, width, channels] as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def image_files(golden: GoldenImages) -> list[Path]:
    """Returns the images that `golden` names: a file, several files, or a folder; at most `MAX_IMAGES` of them."""
    named = [golden] if isinstance(golden, (str, Path)) else list(golden)
    files: list[Path] = []
    for path in map(Path, named):
        if not path.exists():
            raise NotFound(f"the golden image {path} does not exist: give an image file or a folder of them")
        found = sorted(_images_in(path)) if path.is_dir() else [path]
        if not found:
            raise InvalidArgument(
                f"the folder {path} contains no image for the golden sample: {where_images_belong(path)}"
            )
        files += found
    return files[:MAX_IMAGES]


def take_golden(
    trained: TrainedModel, image: ImageSpec | None, golden: GoldenImages | None, progress: Callable[[str], None]
) -> Golden | None:
    """Runs the trained model on real images or on seeded noise.

    Returns None if suitable inputs are not known: without a signature `serving_default`, for strings, and if the model
    fails on noise. Raises InvalidArgument for images that cannot be used, and FailedPrecondition if a model of texts
    lacks the content of a table, and if one of images answers only with NaN.
    """
    inputs = trained.inputs
    if golden is not None and image is None:
        raise InvalidArgument(
            f"{argument('golden')} names images, but there is no preprocessing for them: give "
            f"{argument('preprocessing')}, what training did to a photo"
        )
    if not inputs:
        return None
    if image is not None:
        arrays = _image_inputs(inputs, image, golden)
        text = f"the trained model fails on images of {image.size}: {{}}; check height and width"
        with reraise_as(InvalidArgument, text):
            sample = _run(trained, arrays)
        _require_numbers(sample)
        return sample
    if any(one.shape is None or one.dtype in ("string", "resource", "variant") for one in inputs.values()):
        _require_tables(trained)
        progress("there is no golden sample: suitable inputs of the model are not known")
        return None
    for free in _FREE_SIZES:
        try:
            return _run(trained, _noise_inputs(inputs, free))
        except Exception as error:
            refusal = error
    progress(f"there is no golden sample: the model fails on random inputs ({reason_of(refusal)})")
    return None


def _require_numbers(sample: Golden) -> None:
    """Raises FailedPrecondition if the model answers each image with NaN, as after a training that diverged."""
    floats = [array for array in sample.outputs.values() if array.dtype.kind == "f"]
    if floats and all(np.isnan(array).all() for array in floats):
        raise FailedPrecondition(
            "the trained model answers each image of the golden sample with NaN, which is not a number. Its training "
            "probably diverged: train it again with a smaller learning rate, and check the preprocessing"
        )


def _require_tables(trained: TrainedModel) -> None:
    """Runs a model on made-up texts. Only one failure is certain: a table that is empty for each text."""
    import tensorflow as tf

    try:
        trained.run(_noise_inputs(trained.inputs, _FEW))
    except tf.errors.FailedPreconditionError as error:
        raise FailedPrecondition(
            f"the trained model answers nothing: {reason_of(error)}. Layers such as TextVectorization need a "
            "vocabulary: call adapt() before the model is saved, and save it as .keras, because an .h5 file loses it"
        ) from error
    except Exception:  # the texts may not suit the model
        return


def model_inputs(
    inputs: Mapping[str, ModelInput], image: ImageSpec, pictures: Iterable[Path | NDArray[np.uint8]]
) -> Arrays:
    """Prepares image files or pixels as a batch for an image model's only input. Raises InvalidArgument, TooLarge."""
    import tensorflow as tf

    ((name, one),) = inputs.items()
    prepared = np.stack([_prepared(picture, image) for picture in pictures])
    return {name: prepared.astype(tf.as_dtype(one.dtype).as_numpy_dtype)}


def _prepared(picture: Path | NDArray[np.uint8], image: ImageSpec) -> NDArray[np.float32]:
    if not isinstance(picture, Path):
        return prepare(picture, image)
    try:
        return prepare(read_bytes(picture), image)
    except LightshipError as error:
        raise type(error)(f"{picture}: {error.message}") from error


def _image_inputs(inputs: Mapping[str, ModelInput], image: ImageSpec, golden: GoldenImages | None) -> Arrays:
    files = image_files(golden) if golden is not None else []
    different = len({read_bytes(file) for file in files})
    return model_inputs(inputs, image, [*files, *noise_images(image, max(0, 2 - different))])


def _noise_inputs(inputs: Mapping[str, ModelInput], free: int) -> Arrays:
    import tensorflow as tf

    generator = np.random.default_rng(SEED)
    arrays = {}
    for name, one in inputs.items():
        assert one.shape is not None
        shape = [size or (free if axis else 2) for axis, size in enumerate(one.shape)]
        dtype = tf.as_dtype(one.dtype)
        if dtype == tf.string:
            arrays[name] = np.full(shape, b"text", object)
            continue
        noise = generator.random(shape) if dtype.is_floating or dtype.is_complex else generator.integers(0, 2, shape)
        arrays[name] = np.asarray(noise).astype(dtype.as_numpy_dtype)
    return arrays


def _run(trained: TrainedModel, inputs: Arrays) -> Golden:
    return Golden(inputs, trained.run(inputs))


def warn_if_uninformative(golden: Golden | None, image: ImageSpec | None, photos_given: bool, depth: int) -> None:
    """Warns with `UninformativeGoldenWarning`, in the words of the caller.

    depth: how many functions above this one the caller's own is.
    """
    if golden is not None and _outputs_alike(golden):
        text = (
            "the golden sample cannot detect a wrong conversion: its inputs differ, but the model gives the same "
            f"output for each, so the check of the export proves little: {_remedy(image, photos_given)}"
        )
        warnings.warn(text, UninformativeGoldenWarning, stacklevel=depth + 1)


def _remedy(image: ImageSpec | None, photos_given: bool) -> str:
    if photos_given:
        return "give photos that differ more; if the model is trained, check the preprocessing"
    photo = golden_example()
    if image is not None:
        return (
            f"a model may do so with random noise, so give a real photo: {photo}; if it is trained, check the "
            "preprocessing"
        )
    return (
        "a model may do so with random noise; if it takes photos, export it with its preprocessing and a real photo, "
        f"{photo}; otherwise check that it is trained"
    )


def _outputs_alike(golden: Golden) -> bool:
    rows = min(len(array) if array.ndim else 0 for array in golden.inputs.values())
    if rows < 2 or any(array.ndim == 0 or len(array) != rows for array in golden.outputs.values()):
        return False
    first = Golden({}, {name: array[:1] for name, array in golden.outputs.items()}, golden.rtol, golden.atol)
    others = ({name: array[row : row + 1] for name, array in golden.outputs.items()} for row in range(1, rows))
    return all(first.compare(other) is None for other in others)


def _images_in(folder: Path) -> Iterable[Path]:
    return (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
