"""A photo with its label, and a photo that was left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and the name of its class."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class SkippedPhoto:
    """A photo that is not used, and why."""

    path: Path
    reason: str
