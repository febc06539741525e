"""Checks whether a model is an image classifier, and whether labels and image spec fit it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lightship.bundle.golden import Golden
from lightship.errors import InvalidArgument
from lightship.images.spec import CHANNELS, ImageSpec
from lightship.packaging.arguments import argument, image_setting
from lightship.packaging.signatures import ImageSignatures
from lightship.packaging.trained import ModelInput


def with_model_size(image: ImageSpec, inputs: Mapping[str, ModelInput]) -> ImageSpec:
    """Returns the spec with the model's height and width. Raises InvalidArgument if the model takes no such images."""
    if len(inputs) != 1:
        raise InvalidArgument(
            f"{argument('image')} needs a model with one input; this one has {_shown(inputs)}: leave "
            f"{argument('image')} out"
        )
    ((name, one),) = inputs.items()
    if one.shape is None:
        return _with_size(image, name, None, None)
    if len(one.shape) != 4 or one.dtype in ("string", "bool"):
        raise InvalidArgument(
            f"{argument('image')} needs a model that takes images [N, height, width, channels]; this one has "
            f"{_shown(inputs)}: leave {argument('image')} out"
        )
    batch, height, width, channels = one.shape
    if batch is not None:
        raise InvalidArgument(
            f"input {name!r} has a fixed batch size of {batch}: save the model again with a free batch dimension"
        )
    if channels is not None and channels != image.channels:
        color = next((color for color, count in CHANNELS.items() if count == channels), None)
        remedy = (
            f"give {image_setting('color', color)}" if color else "use a model whose last dimension is the channels"
        )
        raise InvalidArgument(
            f"input {name!r} is {_shape(one)}, but color {image.color!r} gives {image.channels} channels: {remedy}"
        )
    return _with_size(image, name, height, width)


def _with_size(image: ImageSpec, name: str, height: int | None, width: int | None) -> ImageSpec:
    for what, given, own in (("height", image.height, height), ("width", image.width, width)):
        if given is None and own is None:
            raise InvalidArgument(
                f"input {name!r} takes images of any {what}: give the one used in training, {argument(what)}"
            )
        if given is not None and own is not None and given != own:
            raise InvalidArgument(f"the image's {what} is {given}, but input {name!r} takes {own}: leave {what} out")
    return image.sized(image.height or height or 0, image.width or width or 0)


def image_signatures(
    labels: tuple[str, ...] | None,
    image: ImageSpec | None,
    inputs: Mapping[str, ModelInput],
    golden: Golden | None,
    progress: Callable[[str], None],
) -> ImageSignatures | None:
    """Returns the image signatures, or None, with a message to `progress`, if labels or image spec are missing.

    Raises InvalidArgument if no output [N, K] of the model has as many columns as there are labels, or if photos cannot
    be answered because it has several outputs.
    """
    if labels is None:
        if image is not None:
            progress(f"image_bytes and classify are left out: give {argument('classes')} to add them")
        return None
    if golden is not None:
        _check_width(labels, golden)
    if image is None:
        return None
    if golden is None:
        progress("image_bytes and classify are left out: the model's outputs are not known")
        return None
    if len(golden.outputs) != 1:
        raise InvalidArgument(
            f"a photo is answered by a model with one output; this one has {_outputs(golden)}: export a model of one "
            f"of them, such as keras.Model(model.inputs[0], model.outputs[0]), or give {argument('no_image')}"
        )
    ((_, one),) = inputs.items()
    return ImageSignatures(labels, image, one.dtype)


def _check_width(labels: tuple[str, ...], golden: Golden) -> None:
    shapes = {name: output.shape for name, output in golden.outputs.items()}
    if any(len(shape) == 2 and shape[1] == len(labels) for shape in shapes.values()):
        return
    given = f"are {len(labels)} classes ({labels[0]!r} to {labels[-1]!r})"
    if len(labels) == 1:
        given = f"is 1 class ({labels[0]!r})"
    commas = "; in a file one on each line, not with commas" if len(labels) == 1 and "," in labels[0] else ""
    raise InvalidArgument(
        f"there {given}, but the model's output is {_outputs(golden)}: "
        f"give one label for each column, in the order of training{commas}{_two_columns(labels, golden)}"
    )


def _two_columns(labels: tuple[str, ...], golden: Golden) -> str:
    """Says what to do with the score of the second of two classes, as `Dense(1, activation="sigmoid")` gives it."""
    if len(labels) != 2 or [output.shape[1:] for output in golden.outputs.values()] != [(1,)]:
        return ""
    return (
        ". If the one column is the score of the second class, give the model a column for each: "
        "p = model.outputs[0]; keras.Model(model.inputs[0], keras.layers.Concatenate()([1 - p, p]))"
    )


def _outputs(golden: Golden) -> str:
    return ", ".join(
        f"{name} [{', '.join(['N', *map(str, output.shape[1:])])}]" for name, output in golden.outputs.items()
    )


def _shown(inputs: Mapping[str, ModelInput]) -> str:
    return ", ".join(f"{name} {_shape(one)} {one.dtype}" for name, one in inputs.items()) or "no serving_default"


def _shape(one: ModelInput) -> str:
    if one.shape is None:
        return "[...]"
    return "[" + ", ".join("N" if size is None else str(size) for size in one.shape) + "]"
