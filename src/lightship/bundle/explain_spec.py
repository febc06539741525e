"""What a bundle says of its explanations: which layer they show, and which signature computes each method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ExplainSpec:
    """How a version explains its answers. Raises ValueError if the default is not one of the methods."""

    # The name of the layer whose features the maps show.
    layer: str
    # The method that is used if a request names none.
    default: str
    # The signature that computes each method.
    methods: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.default not in self.methods:
            raise ValueError(f"the default method {self.default!r} is not one of {', '.join(self.methods)}")

    def to_json(self) -> dict[str, Any]:
        return {"layer": self.layer, "default": self.default, "methods": dict(self.methods)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ExplainSpec:
        methods = {str(name): str(signature) for name, signature in fields["methods"].items()}
        return cls(str(fields["layer"]), str(fields["default"]), methods)
