"""Checks of the arguments of a client's methods, the same for REST and gRPC."""

from __future__ import annotations

from typing import Any, Literal

from lightship.errors import InvalidArgument

Encoding = Literal["json", "binary", "auto"]
ENCODINGS = ("json", "binary", "auto")

DEFAULT_CONCURRENCY = (
    4  # photos of one call that are on their way at the same time; measured in docs/design/performance.md
)
DEFAULT_MASKS = 2000  # of the method "rise"
MAX_MASKS = 1_000_000

MAX_CONCURRENCY = 64  # an HTTP client has 100 connections at most


def check_encoding(encoding: str) -> None:
    if encoding not in ENCODINGS:
        raise InvalidArgument(f"encoding is {encoding!r}; give one of {', '.join(ENCODINGS)}")


def check_top(top: Any) -> None:
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InvalidArgument(f"top is {top!r}; give the number of labels, 1 or more")
