"""The arguments of an export in the words of its caller: `image=` in Python, `--preprocess` on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_BY_COMMAND: ContextVar[bool] = ContextVar("by_command", default=False)

# The name in Python, and the option of `lightship export`.
_ARGUMENTS: Mapping[str, tuple[str, str]] = {
    "calibrate": ("calibrate=", "--calibrate"),
    "classes": ("classes=", "--classes"),
    "explain": ("explain=", "--explain-layer"),
    "golden": ("golden=", "--golden"),
    "height": ("ImageSpec(height=...)", "--height"),
    "image": ("image=", "--preprocess"),
    "no_explain": ("explain=False", "--no-explain"),
    "no_image": ("image=False", "--no-image"),
    "overwrite": ("overwrite=True", "--overwrite"),
    "preprocessing": ("image=ImageSpec(preprocessing=...)", "--preprocess NAME"),
    "quantize": ("quantize=", "--quantize"),
    "version": ("version=", "--version"),
    "width": ("ImageSpec(width=...)", "--width"),
}


@contextmanager
def named_as_options() -> Iterator[None]:
    """While the block runs, messages name the options of `lightship export`."""
    token = _BY_COMMAND.set(True)
    try:
        yield
    finally:
        _BY_COMMAND.reset(token)


def argument(name: str) -> str:
    """Returns what the caller has to write for an argument, such as `classes=` or `--classes`."""
    return _ARGUMENTS[name][_BY_COMMAND.get()]


def golden_example() -> str:
    """Returns what the caller has to write to give a real photo for the golden sample."""
    return "--golden photo.jpg" if _BY_COMMAND.get() else 'golden=["photo.jpg"]'


def image_setting(field: str, value: str) -> str:
    """Returns what the caller has to write for a field of the image spec and its value."""
    if not _BY_COMMAND.get():
        return f"image=ImageSpec({field}={value!r})"
    return f"--{'preprocess' if field == 'preprocessing' else field} {value}"


def family_setting(family: str) -> str:
    """Returns what the caller has to add to the preprocessing for a family of resizing."""
    return f"--family {family}" if _BY_COMMAND.get() else f"family={family!r} to the ImageSpec"


def preprocessing_setting(value: str | Mapping[str, Any]) -> str:
    """Returns what the caller has written for a preprocessing. `value`: as `Preprocessing.to_json` returns it."""
    if not _BY_COMMAND.get():
        return f"image=ImageSpec(preprocessing={value!r})"
    if isinstance(value, str):
        return f"--preprocess {value}"
    return "--scale" if "scale" in value else "--mean with --std"
