"""The states of a version that clients see, with TensorFlow Serving's numbers."""

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
    """error: why the version ended, or why its last loading failed while it is tried again; None if all is well."""

    version: int
    state: State
    error: LightshipError | None = None
