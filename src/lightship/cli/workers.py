"""Parses the number of workers of the commands that serve."""

from __future__ import annotations

from typing import Literal

from lightship.errors import InvalidArgument


def parse_workers(text: str, option: str = "") -> int | Literal["auto"]:
    """Returns the number, or "auto". Raises InvalidArgument, which names `option`, for anything else."""
    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        where = f"{option}: " if option else ""
        raise InvalidArgument(f"{where}{text!r} is not a number of processes: give 1 or more, or auto")
    return int(text)
