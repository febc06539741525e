"""Why a container does not answer: the likely reason, from the engine's error and the container's log.

The engine answers every failed start with status 500, and a log has no codes. So reasons are found by the messages of
the engine, of Linux, of TensorFlow Serving and of Lightship that are listed here, and are given as likely only.
"""

from __future__ import annotations

import re


def _texts(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_WRONG_PROCESSOR = _texts("exec format error", "no matching manifest", "does not match the detected host platform")
_CANNOT_EXECUTE = _texts("exec format error")  # Linux's own text, when the program is for another processor
_TAKEN_PORT = _texts("port is already allocated", "address already in use", "ports are not available")
_NO_VERSION = _texts("No versions of servable", "contains no version", "no version, a folder called by a number")
_UNREADABLE = _texts("Permission denied", "cannot be read")
_UNKNOWN_FLAG = _texts("unknown (command line )?(flag|argument)", "unrecognized")
_OUT_OF_MEMORY = _texts(r"\bMemoryError\b", "std::bad_alloc", "Cannot allocate memory")
_NOT_LOADED = _texts("did not become available", "cannot be loaded", "Failed to start server")

_REASONS = [
    (_WRONG_PROCESSOR, "the image is for another processor than the engine's: take one built for it"),
    (
        _TAKEN_PORT,
        "a port is taken on the host: stop what holds it, or publish another, -p 9000:8501 (-p 0:8501: a free one)",
    ),
    (_NO_VERSION, "the mounted folder has no version: a folder whose name is a number, with a SavedModel in it"),
    (_UNREADABLE, "the server's user cannot read the mounted folder: chmod -R o+rX FOLDER"),
    (_UNKNOWN_FLAG, "the server refuses one of the additional arguments"),
    (_OUT_OF_MEMORY, "the memory is not enough: give more with --memory"),
    (_NOT_LOADED, "the model cannot be loaded"),
]


def likely_reason(text: str, *, out_of_memory: bool = False) -> str | None:
    """The reason that the engine's error or the log's last lines suggest; None if none is known.

    out_of_memory: whether the engine says that Linux killed the container for its memory.
    """
    if out_of_memory:
        return "it ran out of memory: give more with --memory"
    return next((reason for pattern, reason in _REASONS if pattern.search(text)), None)


def failed_load(log: str, model: str) -> str | None:
    """Returns the last log line that says why a version of the model cannot be loaded, or None.

    Lightship writes `{name: ... version: ...} cannot be loaded: ...`; TensorFlow Serving writes `... failed: ...`.
    """
    marks = re.compile(rf"\{{name: {re.escape(model)} version: -?\d+\}} (cannot be loaded|failed): ")
    return next((line.strip() for line in reversed(log.splitlines()) if marks.search(line)), None)


def is_taken_port(text: str) -> bool:
    return _TAKEN_PORT.search(text) is not None


def cannot_execute(log: str) -> bool:
    """Whether the program in the image is for another processor."""
    return _CANNOT_EXECUTE.search(log) is not None
