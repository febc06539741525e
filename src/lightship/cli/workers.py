"""Parses the number of workers of the commands that serve."""

from __future__ import annotations

from typing import Literal

from lightship.errors import InvalidArgument


def parse_workers(text: str, option: str = "--workers") -> int | Literal["auto"]:
    """Returns the number, or "auto". Raises InvalidArgument for anything else."""
    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise InvalidArgument(f"{option} is {text!r}: give the number of processes, at least 1, or auto")
    return int(text)
