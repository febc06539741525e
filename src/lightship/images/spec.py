"""Describes how training turned an image into the model's input: size, colour, resize and preprocessing.

The client, the server and the exported graph use it. docs/guides/images.md lists the spec for each kind of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Never

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import Preprocessing, nearest_name
from lightship.unexpected import unexpected_option

CHANNELS: Mapping[str, int] = {"grayscale": 1, "rgb": 3, "rgba": 4}

# The names of the resize methods in Keras and TensorFlow.
METHODS: Mapping[str, tuple[str, ...]] = {
    "pillow": ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"),
    "tensorflow": ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
}

FITS: tuple[str, ...] = ("stretch", "crop", "pad", "crop_or_pad")

# Far larger than any classifier's input, and small enough that a wrong manifest cannot exhaust the memory.
MAX_INPUT_SIDE = 16384

_KEYS = ("height", "width", "color", "family", "resize", "antialias", "fit", "preprocessing")


@dataclass(frozen=True, slots=True, init=False)
class ImageSpec:
    """How an encoded image becomes float32 [height, width, channels].

    height, width: in pixels; None for the model's own.
    color: "rgb", "grayscale" or "rgba".
    family: the library that resized in training: "pillow" (`keras.utils.load_img`, PIL) or "tensorflow"
        (`keras.utils.image_dataset_from_directory`, `tf.image.resize`).
    resize: the method, by its name in that library (`METHODS`). The default of `load_img` is "nearest", that of
        `image_dataset_from_directory` is "bilinear".
    antialias: `tf.image.resize(..., antialias=True)`; only in the family "tensorflow".
    fit: "stretch", "crop" (`keep_aspect_ratio`, `crop_to_aspect_ratio`), "pad" (`pad_to_aspect_ratio`) or
        "crop_or_pad" (`tf.image.resize_with_crop_or_pad`), which does not resize, so that `resize` and `antialias` have
        no effect.
    preprocessing: what training did to the pixels after resizing and padding: a name of `keras.applications`, "none",
        {"scale", "offset"}, {"mean", "std"} or a `Preprocessing`. There is no default, because a wrong guess would
        give wrong answers.

    Raises InvalidArgument for unknown values and for values that do not fit together.
    """

    height: int | None
    width: int | None
    color: str
    family: str
    resize: str
    antialias: bool
    fit: str
    preprocessing: Preprocessing

    def __init__(
        self,
        height: int | None = None,
        width: int | None = None,
        color: str = "rgb",
        family: str = "pillow",
        resize: str | None = None,
        antialias: bool = False,
        fit: str = "stretch",
        preprocessing: Preprocessing | str | Mapping[str, Any] | None = None,
        **unexpected: Never,
    ) -> None:
        if unexpected:
            raise unexpected_option("ImageSpec", next(iter(unexpected)), _KEYS)
        _check_choice("color", color, tuple(CHANNELS))
        _check_choice("family", family, tuple(METHODS))
        _check_choice("fit", fit, FITS)
        resize = _resize_method(family, resize)
        _check_antialias(family, antialias)
        if preprocessing is None:
            raise InvalidArgument(
                "preprocessing is missing: give what training used, for example preprocessing='mobilenet_v2', "
                "or 'none' if the model contains its preprocessing"
            )
        steps = Preprocessing.of(preprocessing)
        steps.check_channels(CHANNELS[color])
        values = (_side("height", height), _side("width", width), color, family, resize, antialias, fit, steps)
        for key, value in zip(_KEYS, values, strict=True):
            object.__setattr__(self, key, value)

    def __repr__(self) -> str:
        """Returns the call that makes this spec, without the arguments that are the defaults."""
        usual = {"color": "rgb", "family": "pillow", "resize": METHODS[self.family][0], "fit": "stretch"}
        fields = self.to_json().items()
        given = {key: value for key, value in fields if value != usual.get(key) and value not in (None, False)}
        return f"ImageSpec({', '.join(f'{key}={value!r}' for key, value in given.items())})"

    def _repr_html_(self) -> str:
        from lightship import notebook

        return notebook.table("ImageSpec", self.to_json().items())

    @property
    def channels(self) -> int:
        return CHANNELS[self.color]

    @property
    def size(self) -> tuple[int, int]:
        """The size as (height, width). Raises InvalidArgument if one of them is None."""
        if self.height is None or self.width is None:
            raise InvalidArgument(
                f"the image spec has height {self.height} and width {self.width}: give both, "
                "for example ImageSpec(height=224, width=224, ...)"
            )
        return self.height, self.width

    def sized(self, height: int, width: int) -> ImageSpec:
        """Returns this spec with `height` and `width` in place of those that are None."""
        return replace(self, height=self.height or height, width=self.width or width)

    def to_json(self) -> dict[str, Any]:
        """Returns the form that `from_json` reads: numbers, strings and lists."""
        return {key: getattr(self, key) for key in _KEYS} | {"preprocessing": self.preprocessing.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ImageSpec:
        """Returns the spec for the result of `to_json`; fields with a default may be left out.

        Raises InvalidArgument for unknown fields, and the errors of the constructor.
        """
        if not isinstance(fields, Mapping):
            raise InvalidArgument(
                f"an image spec must be an object such as {{'preprocessing': 'none'}}, not {fields!r}"
            )
        for key in fields:
            if key not in _KEYS:
                raise InvalidArgument(f"the image spec has no field {key!r}: {nearest_name(key, _KEYS)}")
        return cls(**fields)


def _check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise InvalidArgument(f"{what} is {value!r}; give one of {', '.join(choices)}")


def _resize_method(family: str, resize: str | None) -> str:
    methods = METHODS[family]
    if resize is None:
        return methods[0]
    if not isinstance(resize, str) or resize not in methods:
        other = next((name for name, known in METHODS.items() if resize in known), None)
        hint = f"; {resize!r} needs family={other!r}" if other else ""
        raise InvalidArgument(
            f"resize={resize!r} is not available with family={family!r}: give one of {', '.join(methods)}{hint}"
        )
    return resize


def _check_antialias(family: str, antialias: object) -> None:
    if not isinstance(antialias, bool):
        raise InvalidArgument(f"antialias is {antialias!r}; give true or false")
    if antialias and family == "pillow":
        raise InvalidArgument(
            "antialias works with family='tensorflow' only, because Pillow always smooths when it shrinks an image: "
            "leave antialias out"
        )


def _side(what: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_INPUT_SIDE:
        raise InvalidArgument(f"{what} is {value!r}; give a whole number of pixels from 1 to {MAX_INPUT_SIDE}")
    return value
