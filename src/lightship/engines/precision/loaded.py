"""What comes out of loading and checking an engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightship.engines.base import Engine

if TYPE_CHECKING:
    from lightship.engines.precision.checking import Checked


@dataclass(slots=True)
class LoadedEngine:
    """An engine that has passed its golden check, and its check in another precision."""

    engine: Engine
    # How the check of the precision went; None for f32.
    checked: Checked | None = None
