"""Raises the exceptions of Keras and TensorFlow anew with one line of text. Their own texts are pages long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightship.errors import LightshipError

_MAX_LENGTH = 300


def first_line(error: BaseException) -> str:
    """The first line of an exception's text without its full stop, or its class if it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_MAX_LENGTH].rstrip(".") if lines else type(error).__name__


@contextmanager
def reraise_as(kind: type[LightshipError], text: str) -> Iterator[None]:
    """Raises `kind` with `text` for an exception in the block. `{}` in `text` becomes the exception's first line."""
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        raise kind(text.replace("{}", first_line(error))) from error
