"""What an object store offers of a model at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lightship.errors import LightshipError


@dataclass(frozen=True, slots=True)
class Offer:
    """The versions of a model that should be loaded, and what is to be told of them."""

    # The local folder of each version; it is not there before its copy is complete. None: nothing is known.
    versions: Mapping[int, Path] | None = None
    # Why a version must not be loaded yet, for those that are not complete here.
    unsettled: Mapping[int, str] = field(default_factory=dict)
    # Why a version can never be loaded as it is, by the folder that it would have.
    refused: Mapping[Path, LightshipError] = field(default_factory=dict)
    # The versions that take the place of a loaded one of the same number, which was loaded before it was complete.
    replacing: frozenset[int] = frozenset()
    # Why nothing is known of the store; empty if something is.
    explanation: str = ""
    # What an operator should know although versions are loaded.
    notice: str = ""
