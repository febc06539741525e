"""Recognises the errors of an engine whose disk is full, and says what to do."""

from __future__ import annotations

# The engine passes the operating system's text on, with status 500 or without a status, and has no code for it.
_FULL_DISK = ("no space left on device", "disk quota exceeded")


def is_full(reason: str) -> bool:
    return any(words in reason.lower() for words in _FULL_DISK)


def disk_is_full(reason: str) -> str:
    return f"the engine's disk is full ({reason}); docker system df shows what fills it, docker image prune frees some"
