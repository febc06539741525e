"""The arguments of a client's methods, checked alike for every transport."""

from __future__ import annotations

from typing import Any, Literal

from lightship.errors import InvalidArgument

Encoding = Literal["json", "binary", "auto"]
ENCODINGS = ("json", "binary", "auto")


def check_encoding(encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise InvalidArgument(f"encoding is {encoding!r}; it is one of {', '.join(ENCODINGS)}")


def check_top(top: Any) -> None:
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InvalidArgument(f"top is {top!r}; it is the number of labels wanted, 1 or more")


def check_choice(model: Any, version: Any, label: str | None) -> None:
    """Raises InvalidArgument for no name, a version and a label together, or what is no version."""
    if not model or not isinstance(model, str):
        raise InvalidArgument(f"model is {model!r}; give the name under which it is served")
    if version is not None and label is not None:
        raise InvalidArgument(f"version {version} and label {label!r} are given together; give one of them")
    if version is not None and (isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 2**63):
        raise InvalidArgument(f"version is {version!r}; it is a whole number, 0 or more")
