"""What is known of a signature once it was compiled: all that a server needs beside the compiled models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.openvino.guarding import GuardSet
from lightship.engines.openvino.shapes import Declared, Shape

# The compiled models of a signature: as declared, and for one row.
DECLARED = "declared"
ONE_ROW = "one_row"


@dataclass(frozen=True, slots=True)
class Description:
    """A signature on OpenVINO.

    inputs, outputs: their ports in each model. guards: of each compiled model, by its name. rows_free: any number of
    rows runs on the declared model. row_shapes: where rows are independent, the shapes of the outputs for one row;
    else empty. proof: how the answers were checked.
    """

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    declared: Declared
    guards: Mapping[str, GuardSet]
    rows_free: bool = False
    row_shapes: Mapping[str, Shape] | None = None
    proof: str = "table only"

    def as_json(self) -> dict[str, Any]:
        return {
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "declared": {name: shape and list(shape) for name, shape in self.declared.items()},
            "guards": {name: guards.as_json() for name, guards in self.guards.items()},
            "rows_free": self.rows_free,
            "row_shapes": self.row_shapes and {name: list(shape) for name, shape in self.row_shapes.items()},
            "proof": self.proof,
        }

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> Description:
        rows = fields["row_shapes"]
        return cls(
            fields["inputs"],
            fields["outputs"],
            Declared({name: None if shape is None else tuple(shape) for name, shape in fields["declared"].items()}),
            {name: GuardSet.of_json(guards) for name, guards in fields["guards"].items()},
            fields["rows_free"],
            rows and {name: tuple(shape) for name, shape in rows.items()},
            fields["proof"],
        )
