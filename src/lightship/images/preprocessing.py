"""The arithmetic that training applied to the pixels after resizing, in float32.

The named kinds are those of `keras.applications.<name>.preprocess_input` with `channels_last`. The result is the same
to the last bit, because the operations and their order are the same (a division stays a division).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument

# The four kinds of arithmetic in keras.applications. Newer models contain their preprocessing and need none here.
_KINDS = {
    "tf": "inception_resnet_v2 inception_v3 mobilenet mobilenet_v2 nasnet resnet_v2 xception",
    "caffe": "imagenet_utils resnet resnet50 vgg16 vgg19",
    "torch": "densenet",
    "none": "convnext efficientnet efficientnet_v2 mobilenet_v3 none",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}

PREPROCESSING_NAMES: tuple[str, ...] = tuple(sorted(_KIND_OF))

# ImageNet's means of BGR pixels (caffe), and the means and standard deviations of RGB pixels scaled to 0..1 (torch).
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
TORCH_MEAN = (0.485, 0.456, 0.406)
TORCH_STD = (0.229, 0.224, 0.225)

# The networks of keras.applications, in small letters and digits, whose preprocessing has another name than they.
_NETWORKS = {
    r"resnet\d*v2": "resnet_v2",
    r"resnet\d+": "resnet",
    r"mobilenetv1": "mobilenet",
    r"mobilenetv3(small|large)": "mobilenet_v3",
    r"efficientnetv2(b\d|[sml])": "efficientnet_v2",
    r"efficientnetb\d": "efficientnet",
    r"densenet\d+": "densenet",
    r"nasnet(mobile|large)": "nasnet",
    r"convnext(tiny|small|base|large|xlarge)": "convnext",
}
_ALIKE = 0.85  # a name that is less alike is another one: a wrong preprocessing gives wrong answers without an error

_MAX_FLOAT = float(np.finfo(np.float32).max)

Numbers = float | Sequence[float]


def nearest_name(value: object, known: Sequence[str]) -> str:
    """Returns a hint: `did you mean 'resnet_v2'?` if a known name is similar, and otherwise a list of all of them."""
    close = difflib.get_close_matches(str(value), known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _hint(value: object) -> str:
    """Returns the preprocessing that was certainly meant: of the network with this name, or misspelt; else all of them.

    It is stricter than `nearest_name`: the preprocessing of ResNet50V2 is not that of `resnet50`.
    """
    plain = re.sub(r"[^a-z0-9]", "", str(value).lower())
    names = {name.replace("_", ""): name for name in PREPROCESSING_NAMES}
    network = next((name for pattern, name in _NETWORKS.items() if re.fullmatch(pattern, plain)), None)
    if network or plain in names:
        return f"did you mean {network or names[plain]!r}?"
    alike = [name for name in names if _digits(name) == _digits(plain)]  # MobileNetV4 is not a misspelt MobileNetV3
    close = difflib.get_close_matches(plain, alike, n=1, cutoff=_ALIKE)
    if close:
        return f"did you mean {names[close[0]]!r}?"
    return (
        f"known are {', '.join(PREPROCESSING_NAMES)}; 'none' if the model preprocesses the pixels itself; or give "
        "numbers: a scale such as 1/255, or a mean and a std"
    )


def _digits(name: str) -> str:
    return re.sub(r"\D", "", name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How pixels 0..255 become the model's input.

    `name` is one of `PREPROCESSING_NAMES`, "scale" for pixels * first + second, or "mean_std" for
    (pixels - first) / second. For these two, `first` and `second` hold one number, or one per channel; otherwise they
    are empty. `named`, `scale_offset` and `mean_std` create instances.
    """

    name: str
    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.name in ("scale", "mean_std"):
            object.__setattr__(self, "first", _numbers(self.first, self.name))
            object.__setattr__(self, "second", _numbers(self.second, self.name))
            if self.name == "mean_std" and not np.array(self.second, np.float32).all():
                raise InvalidArgument(f"preprocessing: std is {list(self.second)}; give numbers other than 0")
        elif self.name not in _KIND_OF:
            raise InvalidArgument(f"there is no preprocessing called {self.name!r}: {_hint(self.name)}")
        elif self.first or self.second:
            raise InvalidArgument(f"preprocessing {self.name!r} takes no numbers: use scale_offset or mean_std")

    @classmethod
    def named(cls, name: str) -> Preprocessing:
        """Returns the preprocessing of `keras.applications.<name>.preprocess_input`; "none" changes nothing."""
        if name not in _KIND_OF:
            raise InvalidArgument(f"there is no preprocessing called {name!r}: {_hint(name)}")
        return cls(name)

    @classmethod
    def scale_offset(cls, scale: Numbers, offset: Numbers = 0.0) -> Preprocessing:
        """Returns pixels * scale + offset, as in `keras.layers.Rescaling`; one number each, or one per channel."""
        return cls("scale", _numbers(scale, "scale"), _numbers(offset, "offset"))

    @classmethod
    def mean_std(cls, mean: Numbers, std: Numbers) -> Preprocessing:
        """Returns (pixels - mean) / std for pixels 0..255; one number each, or one per channel."""
        return cls("mean_std", _numbers(mean, "mean"), _numbers(std, "std"))

    @classmethod
    def of(cls, value: Preprocessing | str | Mapping[str, Any]) -> Preprocessing:
        """Returns the preprocessing for a name or the result of `to_json`. Raises InvalidArgument for other values."""
        if isinstance(value, Preprocessing):
            return value
        if isinstance(value, str):
            return cls.named(value)
        keys = set(value) if isinstance(value, Mapping) else set()
        if isinstance(value, Mapping) and "scale" in keys and keys <= {"scale", "offset"}:
            return cls.scale_offset(value["scale"], value.get("offset", 0.0))
        if isinstance(value, Mapping) and keys == {"mean", "std"}:
            return cls.mean_std(value["mean"], value["std"])
        raise InvalidArgument(
            f"preprocessing is {value!r}; give a name of keras.applications ('mobilenet_v2', ...), 'none', "
            "{'scale': ..., 'offset': ...} or {'mean': ..., 'std': ...}: use the same preprocessing as in training"
        )

    def to_json(self) -> str | dict[str, Any]:
        """Returns the form that `of` reads."""
        if self.name == "scale":
            return {"scale": _json(self.first), "offset": _json(self.second)}
        if self.name == "mean_std":
            return {"mean": _json(self.first), "std": _json(self.second)}
        return self.name

    @property
    def kind(self) -> str:
        """The kind of arithmetic: tf, caffe, torch, none, scale or mean_std."""
        return _KIND_OF.get(self.name, self.name)

    def check_channels(self, channels: int) -> None:
        """Raises InvalidArgument if this preprocessing does not work for images with this number of channels."""
        if self.kind in ("caffe", "torch") and channels != 3:
            raise InvalidArgument(
                f"preprocessing {self.name!r} needs color 'rgb', not images of {_count(channels, 'channel')}"
            )
        names = ("scale", "offset") if self.kind == "scale" else ("mean", "std")
        for name, numbers in zip(names, (self.first, self.second), strict=True):
            if len(numbers) not in (0, 1, channels):
                raise InvalidArgument(
                    f"{name} has {_count(len(numbers), 'value')} {list(numbers)}, but images have "
                    f"{_count(channels, 'channel')}: give {'1 value' if channels == 1 else f'1 or {channels} values'}"
                )

    def apply(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Converts uint8 or float pixels 0..255, [..., height, width, channels], to float32 of the same shape.

        Returns a new, C-contiguous array.
        """
        x = np.array(pixels[..., ::-1] if self.kind == "caffe" else pixels, dtype=np.float32, order="C")
        match self.kind:
            case "tf":
                x /= np.float32(127.5)
                x -= np.float32(1.0)
            case "caffe":
                x -= np.array(CAFFE_MEAN_BGR, np.float32)
            case "torch":
                x /= np.float32(255.0)
                x -= np.array(TORCH_MEAN, np.float32)
                x /= np.array(TORCH_STD, np.float32)
            case "scale":
                x *= np.array(self.first, np.float32)
                x += np.array(self.second, np.float32)
            case "mean_std":
                x -= np.array(self.first, np.float32)
                x /= np.array(self.second, np.float32)
        return x


def _numbers(value: Any, what: str) -> tuple[float, ...]:
    values = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
    if not len(values) or not all(_is_number(number) for number in values):
        raise InvalidArgument(f"preprocessing: {what} is {value!r}; give one number, or a list with one per channel")
    return tuple(float(number) for number in values)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    return bool(-_MAX_FLOAT <= value <= _MAX_FLOAT)


def _json(numbers: tuple[float, ...]) -> float | list[float]:
    return numbers[0] if len(numbers) == 1 else list(numbers)
