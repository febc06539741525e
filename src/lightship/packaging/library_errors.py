"""Shortens errors of Keras and TensorFlow to one line, because their messages can fill pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightship.errors import LightshipError

_MAX_LINE_LENGTH = 300


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text without the full stop, or the name of its class if it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_MAX_LINE_LENGTH].rstrip(".") if lines else type(error).__name__


@contextmanager
def reraise_as(kind: type[LightshipError], text: str) -> Iterator[None]:
    """Raises `kind` with `text` if the block raises another exception. Its first line replaces `{}` in the text."""
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        raise kind(text.replace("{}", first_line(error))) from error
