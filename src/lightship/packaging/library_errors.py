"""Shortens errors of Keras and TensorFlow to one line, because their messages can fill pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile

from lightship.errors import LightshipError

# Of a longer reason the beginning and the end are kept: TensorFlow writes shapes first and what it expects last.
_MAX_LENGTH = 600
_MAX_END = 250

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_IN_USER_CODE = "in user code:"
_CALL = re.compile(r"Exception encountered when calling (.+?)\.?")
_ARGUMENTS = re.compile(r"(Call arguments|Arguments) received by ")
_TRACEBACKS = ("Graph execution error:", "Traceback (most recent call last):")
_CAUSE = "Exception encountered: "  # behind the whole configuration of a layer that cannot be loaded
_CONFIGURATION = re.compile(r" Full object config: .*")
_CLASS = re.compile(r"[A-Za-z_][\w.]*: ")


def reason_of(error: BaseException) -> str:
    """Returns the reason in an error's text as one line without the full stop, or the error's class if it has no text.

    Keras and TensorFlow often write it behind a header, such as "in user code:", which is left out.
    """
    lines = [line.rstrip() for line in _COLOURS.sub("", str(error)).splitlines() if line.strip()]
    return _shortened(_reason(lines)) or type(error).__name__


@contextmanager
def reraise_as(kind: type[LightshipError], text: str) -> Iterator[None]:
    """Raises `kind` with `text` if the block raises another exception. Its reason replaces `{}` in the text."""
    try:
        yield
    except LightshipError:
        raise
    except Exception as error:
        raise kind(text.replace("{}", reason_of(error))) from error


def _shortened(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    if len(text) <= _MAX_LENGTH:
        return text
    between = " ... "
    return text[: _MAX_LENGTH - _MAX_END - len(between)] + between + text[-_MAX_END:]


def _reason(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    first, *rest = lines[0].strip(), *lines[1:]
    causes = [index for index, line in enumerate(lines) if line.startswith(_CAUSE)]
    if causes:
        cause = _CONFIGURATION.sub("", lines[causes[-1]].removeprefix(_CAUSE))
        return _reason([cause, *lines[causes[-1] + 1 :]])
    if first == _IN_USER_CODE:
        return _reason_behind_frames(rest)
    if call := _CALL.fullmatch(first):
        reason = _reason(list(takewhile(lambda line: not _ARGUMENTS.match(line.strip()), rest)))
        return f"{call[1]} fails: {reason}" if reason else f"{call[1]} fails"
    if first in _TRACEBACKS:
        return next((line for line in reversed(rest) if not line.lstrip().startswith("[[")), first)
    return _with_what_follows(first, rest)


def _reason_behind_frames(lines: Sequence[str]) -> str:
    """Leaves out the frames of AutoGraph: each is a line `File ...`, and below, further to the right, its code."""
    lines = list(lines)
    while lines and lines[0].lstrip().startswith('File "'):
        frame = lines.pop(0)
        if lines and _indent(lines[0]) > _indent(frame):
            lines.pop(0)
    if not lines:
        return ""
    message = _CLASS.sub("", lines[0].strip(), count=1)
    has_header = message in (_IN_USER_CODE, *_TRACEBACKS) or _CALL.fullmatch(message)
    return _reason([message if has_header else lines[0], *lines[1:]])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _with_what_follows(first: str, rest: Sequence[str]) -> str:
    """Appends the next line to one that ends with a colon."""
    text = first
    for line in rest:
        if not text.endswith(":"):
            break
        text = f"{text} {line.strip()}"
    return text
