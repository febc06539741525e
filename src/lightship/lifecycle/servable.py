"""What answers a call: one version of one model."""

from __future__ import annotations

from dataclasses import dataclass

from lightship.bundle.bundle import Bundle
from lightship.engines.base import Engine
from lightship.images.decode import MAX_PIXELS
from lightship.saved_model.signatures import Signature


@dataclass(frozen=True, slots=True)
class ServableId:
    name: str
    version: int

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"


@dataclass(frozen=True, slots=True)
class Servable:
    """max_pixels: of an encoded image that it decodes.

    check_method_names: a call whose method is not the one that the signature names is refused.
    """

    id: ServableId
    bundle: Bundle
    engine: Engine
    max_pixels: int = MAX_PIXELS
    check_method_names: bool = False

    def signature(self, name: str) -> Signature | None:
        return self.bundle.saved_model.signatures.get(name)

    def close(self) -> None:
        """Gives back the engine's memory. Nobody may be using the servable."""
        self.engine.close()
