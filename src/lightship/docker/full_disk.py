"""The engine's disk, full: known by the engine's words, and told with what to do."""

from __future__ import annotations

_WORDS = ("no space left on device", "disk quota exceeded")


def is_full(reason: str) -> bool:
    return any(words in reason.lower() for words in _WORDS)


def disk_is_full(reason: str) -> str:
    return f"the engine's disk is full ({reason}); docker system df shows what fills it, docker image prune frees some"
