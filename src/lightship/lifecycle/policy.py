"""What to do next with the versions of one model: load the new before letting go of the old."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from typing import NamedTuple


class Phase(Enum):
    """The internal life of a version; `state.State` is what clients see of it."""

    NEW = auto()
    LOADING = auto()
    RETRYING = auto()  # an attempt failed and the next is due soon; clients see LOADING
    READY = auto()
    UNLOADING = auto()  # takes no new calls, its handles drain, it is closed
    DISABLED = auto()
    ERROR = auto()


class Version(NamedTuple):
    number: int
    phase: Phase
    aspired: bool


class LoadAction(NamedTuple):
    version: int


class UnloadAction(NamedTuple):
    version: int


def availability_preserving(versions: Collection[Version]) -> LoadAction | UnloadAction | None:
    """TensorFlow Serving's policy of that name: at any moment something answers, if anything can.

    An un-aspired version is unloaded once an aspired one is ready, or none is wanted, or two un-aspired ones are
    ready; else the highest new aspired version is loaded.
    """
    aspired = [version for version in versions if version.aspired]
    leaving = sorted(v.number for v in versions if not v.aspired and v.phase is Phase.READY)
    replaced = not aspired or any(version.phase is Phase.READY for version in aspired)
    if leaving and (replaced or len(leaving) > 1):
        return UnloadAction(leaving[0])
    waiting = [version.number for version in aspired if version.phase is Phase.NEW]
    return LoadAction(max(waiting)) if waiting else None
