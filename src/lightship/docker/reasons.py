"""Why a container did not come to answer: the likely reason, from what it and the engine said."""

from __future__ import annotations

import re

_SAID = [
    (
        re.compile(r"exec format error|no matching manifest|does not match the detected host platform", re.IGNORECASE),
        "the image is for another processor than the engine's: take one built for it",
    ),
    (
        re.compile(r"port is already allocated|address already in use|ports are not available", re.IGNORECASE),
        "a port is taken on the host: stop what holds it, or publish another, -p 9000:8501 (-p 0:8501: a free one)",
    ),
    (
        re.compile(r"No versions of servable|no version, a folder called by a number", re.IGNORECASE),
        "the mounted folder has no version, a folder called by a number with a SavedModel in it",
    ),
    (
        re.compile(r"Permission denied|cannot be read", re.IGNORECASE),
        "the server's user cannot read the mounted folder: chmod -R o+rX FOLDER",
    ),
    (
        re.compile(r"unknown (command line )?(flag|argument)|unrecognized", re.IGNORECASE),
        "the server refuses one of the further arguments",
    ),
    (
        re.compile(r"\bMemoryError\b|std::bad_alloc|Cannot allocate memory", re.IGNORECASE),
        "the memory does not suffice: give more with --memory",
    ),
    (
        re.compile(r"did not become available|cannot be loaded|Failed to start server", re.IGNORECASE),
        "the model cannot be loaded",
    ),
]


def likely_reason(said: str, *, out_of_memory: bool = False) -> str | None:
    """The reason that the engine's error or the log's last lines speak of; None where none is known."""
    if out_of_memory:
        return "the engine killed it for want of memory: give more with --memory"
    return next((reason for pattern, reason in _SAID if pattern.search(said)), None)


def failed_load(said: str, model: str) -> str | None:
    """The last line of a log that says why a version of the model cannot be loaded, in Lightship's words or in
    TensorFlow Serving's; None where there is none."""
    marks = re.compile(rf"\{{name: {re.escape(model)} version: -?\d+\}} (cannot be loaded|failed): ")
    return next((line.strip() for line in reversed(said.splitlines()) if marks.search(line)), None)


def is_taken_port(said: str) -> bool:
    return bool(_SAID[1][0].search(said))
