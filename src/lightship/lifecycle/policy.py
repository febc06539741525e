"""Decides what to do next with the versions of one model: new versions are loaded before old ones are unloaded."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from typing import NamedTuple


class Phase(Enum):
    """The internal state of a version. Clients see the `state.State` that belongs to it."""

    NEW = auto()
    LOADING = auto()
    RETRYING = auto()  # an attempt failed and the next is due soon; clients see LOADING
    READY = auto()
    UNLOADING = auto()  # it accepts no new requests, waits for its handles, and is closed
    DISABLED = auto()
    ERROR = auto()


class Version(NamedTuple):
    number: int
    phase: Phase
    aspired: bool
    # Whether it must not be loaded yet, because its files are still being written.
    held: bool = False


class LoadAction(NamedTuple):
    version: int


class UnloadAction(NamedTuple):
    version: int


def availability_preserving(versions: Collection[Version]) -> LoadAction | UnloadAction | None:
    """TensorFlow Serving's policy of that name: whenever possible, at least one version stays loaded.

    It unloads a version that is not aspired if an aspired one is ready, if none is aspired, or if another one that is
    not aspired is ready too. Otherwise it loads the highest new aspired version.
    """
    aspired = [version for version in versions if version.aspired]
    leaving = sorted(v.number for v in versions if not v.aspired and v.phase is Phase.READY)
    replaced = not aspired or any(version.phase is Phase.READY for version in aspired)
    if leaving and (replaced or len(leaving) > 1):
        return UnloadAction(leaving[0])
    waiting = [version.number for version in aspired if version.phase is Phase.NEW and not version.held]
    return LoadAction(max(waiting)) if waiting else None
