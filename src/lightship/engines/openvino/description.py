"""The description of a compiled signature: everything that a server needs in addition to the compiled models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightship.engines.openvino.guard_set import GuardSet
from lightship.engines.openvino.shapes import Declared, Shape

# The names of a signature's compiled models: one for the declared shapes, and one for one row.
DECLARED = "declared"
ONE_ROW = "one_row"


@dataclass(frozen=True, slots=True)
class Description:
    """The description of a signature that OpenVINO compiled."""

    # The signature's inputs and their port numbers in each model.
    inputs: Mapping[str, int]
    # The signature's outputs and their port numbers in each model.
    outputs: Mapping[str, int]
    # The declared shapes of the inputs.
    declared: Declared
    # The guards of each compiled model, by the model's name.
    guards: Mapping[str, GuardSet]
    # Whether the declared model can run any number of rows.
    rows_free: bool = False
    # The shapes of the outputs for one row. None if rows are not known to be independent.
    row_shapes: Mapping[str, Shape] | None = None
    # Whether calls may be joined: rows that are run together give what each gives alone.
    joinable: bool = False
    # How the results were checked; see `SignatureReport.proof`.
    proof: str = "table only"

    def as_json(self) -> dict[str, Any]:
        return {
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "declared": {name: shape and list(shape) for name, shape in self.declared.items()},
            "guards": {name: guards.as_json() for name, guards in self.guards.items()},
            "rows_free": self.rows_free,
            "row_shapes": self.row_shapes and {name: list(shape) for name, shape in self.row_shapes.items()},
            "joinable": self.joinable,
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
            fields["joinable"],
            fields["proof"],
        )
