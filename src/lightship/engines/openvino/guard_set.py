"""What is checked at each run of a compiled model, as the cache keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.openvino.guards import Guard, Guards


@dataclass(frozen=True, slots=True)
class GuardSet:
    """What is checked at each run of one compiled model. Names are those of the signature's inputs."""

    # The guards of single tensors.
    guards: tuple[Guard, ...] = ()
    # Inputs that must not contain NaN, infinity or very large numbers.
    finite: tuple[str, ...] = ()
    # Inputs whose integers must have a magnitude of at most `largest`.
    integers: tuple[str, ...] = ()
    largest: int = 0
    # Whether the model computes with sizes. These must stay exact too, so no input may have too many elements.
    sizes: bool = False

    def checks(self) -> Guards:
        return Guards(self.guards, self.finite, self.integers, self.largest, self.sizes)

    def as_json(self) -> dict[str, Any]:
        return {
            "guards": [guard.as_json() for guard in self.guards],
            "finite": list(self.finite),
            "integers": list(self.integers),
            "largest": self.largest,
            "sizes": self.sizes,
        }

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> GuardSet:
        guards = tuple(Guard.of_json(guard) for guard in fields["guards"])
        return cls(guards, tuple(fields["finite"]), tuple(fields["integers"]), fields["largest"], fields["sizes"])
