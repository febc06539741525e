"""What a server takes from a configuration that is read again while it runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightship.lifecycle.model_config import ModelConfig


@dataclass(frozen=True, slots=True)
class Reread:
    """What applies from now on."""

    # All models to serve, with absolute paths. None: those that are served now.
    models: Sequence[ModelConfig] | None
    poll_seconds: float
    empty_folder_grace: float
    # What the log says when this has been applied, such as which changes need a restart.
    notes: Sequence[str] = ()


class Rereadable(Protocol):
    """A configuration that can be read again."""

    @property
    def path(self) -> str:
        """The file, for the log."""

    def read(self, path: str, served: Collection[str]) -> Reread:
        """Reads it. `served` holds the names of the models that are served now. Raises a LightshipError."""

    def outcome(self, reason: str) -> None:
        """Learns what became of the last reading: an empty text if it was applied, otherwise why not."""
