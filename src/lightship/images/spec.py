"""What training did to an image before the model saw it: size, colour, resize and preprocessing, as data.

Client, server and exported graph all read this; `docs/images.md` says which training code is which spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import Preprocessing, nearest_name

CHANNELS: Mapping[str, int] = {"grayscale": 1, "rgb": 3, "rgba": 4}

# Keras' and TensorFlow's own names for the ways to resize.
METHODS: Mapping[str, tuple[str, ...]] = {
    "pillow": ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"),
    "tensorflow": ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
}

FITS: tuple[str, ...] = ("stretch", "crop", "pad")

# Far beyond any classifier's input, and small enough that a wrong manifest cannot eat the memory.
MAX_INPUT_SIDE = 16384

_KEYS = ("height", "width", "color", "family", "resize", "antialias", "fit", "preprocessing")


@dataclass(frozen=True, slots=True, init=False)
class ImageSpec:
    """How an encoded image becomes float32 [height, width, channels].

    height, width: pixels; None: the model's own.
    color: "rgb", "grayscale" or "rgba".
    family: whose resize training used: "pillow" (`keras.utils.load_img`, PIL) or "tensorflow"
        (`keras.utils.image_dataset_from_directory`, `tf.image.resize`).
    resize: the method, by the family's own name (`METHODS`); "nearest" is `load_img`'s default, "bilinear" that of
        `image_dataset_from_directory`.
    antialias: `tf.image.resize(..., antialias=True)`; in the family "tensorflow" alone.
    fit: "stretch", "crop" (`keep_aspect_ratio`, `crop_to_aspect_ratio`) or "pad" (`pad_to_aspect_ratio`).
    preprocessing: what happened to the pixels after that; a name of `keras.applications`, "none",
        {"scale", "offset"}, {"mean", "std"} or a `Preprocessing`. There is no default: a guess answers wrongly.

    Raises InvalidArgument for what does not exist or does not go together.
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
    ) -> None:
        _check_choice("color", color, tuple(CHANNELS))
        _check_choice("family", family, tuple(METHODS))
        _check_choice("fit", fit, FITS)
        resize = _resize_method(family, resize)
        _check_antialias(family, antialias)
        if preprocessing is None:
            raise InvalidArgument(
                "preprocessing is missing: say what training did, e.g. preprocessing='mobilenet_v2', "
                "or 'none' when the model does it itself"
            )
        steps = Preprocessing.of(preprocessing)
        steps.check_channels(CHANNELS[color])
        values = (_side("height", height), _side("width", width), color, family, resize, antialias, fit, steps)
        for key, value in zip(_KEYS, values, strict=True):
            object.__setattr__(self, key, value)

    @property
    def channels(self) -> int:
        return CHANNELS[self.color]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width). Raises InvalidArgument while they are not known."""
        if self.height is None or self.width is None:
            raise InvalidArgument(
                f"the image spec has height {self.height} and width {self.width}: give both, "
                "for example ImageSpec(height=224, width=224, ...)"
            )
        return self.height, self.width

    def sized(self, height: int, width: int) -> ImageSpec:
        """This spec with what is None in its size filled in."""
        return replace(self, height=self.height or height, width=self.width or width)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: plain numbers, texts and lists."""
        return {key: getattr(self, key) for key in _KEYS} | {"preprocessing": self.preprocessing.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ImageSpec:
        """The spec that `to_json` wrote, or a user's own with defaults left out. Raises InvalidArgument."""
        if not isinstance(fields, Mapping):
            raise InvalidArgument(f"an image spec is an object such as {{'preprocessing': 'none'}}, not {fields!r}")
        for key in fields:
            if key not in _KEYS:
                raise InvalidArgument(f"the image spec has no field {key!r}: {nearest_name(key, _KEYS)}")
        return cls(**fields)


def _check_choice(what: str, value: object, choices: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise InvalidArgument(f"{what} is {value!r}; it is one of {', '.join(choices)}")


def _resize_method(family: str, resize: str | None) -> str:
    methods = METHODS[family]
    if resize is None:
        return methods[0]
    if not isinstance(resize, str) or resize not in methods:
        other = next((name for name, known in METHODS.items() if resize in known), None)
        hint = f"; it is of family={other!r}" if other else ""
        raise InvalidArgument(f"resize is {resize!r}; family {family!r} has {', '.join(methods)}{hint}")
    return resize


def _check_antialias(family: str, antialias: object) -> None:
    if not isinstance(antialias, bool):
        raise InvalidArgument(f"antialias is {antialias!r}; it is true or false")
    if antialias and family == "pillow":
        raise InvalidArgument(
            "antialias belongs to family='tensorflow': Pillow's methods always smooth when they shrink; leave it out"
        )


def _side(what: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_INPUT_SIDE:
        raise InvalidArgument(f"{what} is {value!r}; it is a whole number of pixels from 1 to {MAX_INPUT_SIDE}")
    return value
