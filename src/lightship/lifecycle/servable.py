"""A servable: one loaded version of one model, which answers requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lightship.batching import Scheduler
from lightship.bundle.bundle import Bundle
from lightship.engines.base import Engine
from lightship.errors import MissingName
from lightship.images.opening import MAX_PIXELS
from lightship.memory import returning_freed_memory
from lightship.saved_model.signatures import INIT_SIGNATURE, Signature

if TYPE_CHECKING:
    from lightship.engines.precision.checking import Checked


@dataclass(frozen=True, slots=True)
class ServableId:
    name: str
    version: int

    def __str__(self) -> str:
        return f"{{name: {self.name} version: {self.version}}}"


class CallObserver(Protocol):
    """Receives what metrics count of the calls of one model. Several threads may use it at the same time."""

    def answered(self, api: str, microseconds: float) -> None:
        """A call of a method, such as Predict, was answered; its runs took so long, with their wait for others."""

    def examples_came(self, count: int) -> None:
        """A MultiInference call came with so many examples."""


@dataclass(frozen=True, slots=True)
class Servable:
    """One loaded version of one model."""

    id: ServableId
    bundle: Bundle
    engine: Engine
    # Decides when, and joined with which others, a request runs on the engine.
    scheduler: Scheduler
    # The largest encoded image that it decodes, as width times height.
    max_pixels: int = MAX_PIXELS
    # Whether to refuse a request if the signature's method name is not that of the request.
    check_method_names: bool = False
    # How the check of a precision other than f32 went; None in f32.
    checked: Checked | None = None
    # Is told of the calls that were answered. None: nobody counts them.
    observer: CallObserver | None = None
    # The setting of `lightship tune` that it was loaded with, in words; "" if there is none.
    tuned: str = ""
    # Is called when the servable is closed.
    on_close: Callable[[], None] | None = None

    def signature(self, name: str) -> Signature | None:
        return self.bundle.saved_model.signatures.get(name)

    def missing_signature(self, name: str) -> MissingName:
        """Returns what an error about a signature that does not exist is about."""
        known = [one for one in self.bundle.saved_model.signatures if one != INIT_SIGNATURE]
        return MissingName("signature", name, known)

    def close(self) -> None:
        """Releases the engine's memory. No request may be using the servable."""
        try:
            with returning_freed_memory():
                self.scheduler.close()
                self.engine.close()
        finally:
            if self.on_close is not None:
                self.on_close()
