"""The golden sample: inputs, and the outputs that the trained model gave for them before any conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import DataLoss

GOLDEN_FILE = "golden.npz"

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Golden:
    """inputs, outputs: of `serving_default`, by name, the samples along the first axis.

    An output is right when |output - golden| <= atol + rtol * |golden| everywhere.
    """

    inputs: Arrays
    outputs: Arrays
    rtol: float
    atol: float

    def compare(self, outputs: Arrays) -> str | None:
        """What differs, with the figure; None if nothing does."""
        missing = self.outputs.keys() - outputs.keys()
        if missing:
            return f"the outputs {', '.join(sorted(missing))} are missing"
        differences = (self._difference(name, outputs[name]) for name in sorted(self.outputs))
        return next((difference for difference in differences if difference), None)

    def _difference(self, name: str, output: NDArray[Any]) -> str | None:
        golden = self.outputs[name]
        if output.shape != golden.shape:
            return f"output {name} has shape {list(output.shape)} where the trained model gave {list(golden.shape)}"
        if golden.dtype.kind not in "fc":
            return None if np.array_equal(output, golden) else f"output {name} is not what the trained model gave"
        if np.allclose(output, golden, self.rtol, self.atol, equal_nan=True):
            return None
        distance = float(np.nanmax(np.abs(output.astype(np.float64) - golden.astype(np.float64))))
        return (
            f"output {name} differs from the trained model's by up to {distance:.3g}, "
            f"more than atol {self.atol:g} and rtol {self.rtol:g} allow"
        )

    def save(self, file: Path) -> None:
        arrays = {f"inputs/{name}": array for name, array in self.inputs.items()}
        arrays |= {f"outputs/{name}": array for name, array in self.outputs.items()}
        with file.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, file: Path, rtol: float, atol: float) -> Golden:
        """Raises DataLoss if the file is not what `save` wrote."""
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except Exception as error:
            raise DataLoss(f"{file} cannot be read: {error}; export the model again") from error
        return cls(_below("inputs/", arrays), _below("outputs/", arrays), rtol, atol)


def _below(prefix: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
