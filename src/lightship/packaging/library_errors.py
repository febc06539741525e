"""What Keras and TensorFlow raise, told in one line: their own texts run over pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lightship.errors import LightshipError

_MAX_LINE_LENGTH = 300


def first_line(error: BaseException) -> str:
    """The first line of an error's text without its full stop, or its kind where it has no text."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:_MAX_LINE_LENGTH].rstrip(".") if lines else type(error).__name__


@contextmanager
def reraise_as(kind: type[LightshipError], text: str) -> Iterator[None]:
    """Raises `kind` with `text` for what a library raises in the block; `{}` in it becomes that error's first line."""
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        raise kind(text.replace("{}", first_line(error))) from error
