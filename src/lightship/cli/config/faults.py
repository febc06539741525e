"""What is wrong in a configuration file, with its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lightship.errors import InvalidArgument

MAX_FAULTS = 50  # of one file that are told


class Place(NamedTuple):
    """A place in a text; lines and columns count from 1, and columns count characters."""

    line: int
    column: int


class Fault(NamedTuple):
    """One thing that is wrong in a file."""

    place: Place
    # What is wrong, what was expected, and what to do.
    message: str
    # What was probably meant by a name; empty if nothing is similar.
    meant: str = ""

    def text(self, path: Path) -> str:
        return f"{path}:{self.place.line}:{self.place.column}: {self.message}"


class WrongConfig(InvalidArgument):
    """A configuration file with faults, in the order of their places."""

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        self.path = path
        self.faults = sorted(faults)[:MAX_FAULTS]
        super().__init__("; ".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """A line for each fault."""
        return [fault.text(self.path) for fault in self.faults]
