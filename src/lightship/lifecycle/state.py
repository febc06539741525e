"""The states of a version that clients see. The numbers are TensorFlow Serving's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lightship.errors import LightshipError


class State(IntEnum):
    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True, slots=True)
class ModelVersionStatus:
    """The status of one version."""

    version: int
    state: State
    # Why the version ended with an error, or None.
    error: LightshipError | None = None
    # What an operator should know: why it is not loaded yet, or that its files were changed; empty if nothing.
    # TensorFlow Serving's own answers do not have it.
    note: str = ""
    # Whether the source wants it to be loaded now.
    aspired: bool = True
