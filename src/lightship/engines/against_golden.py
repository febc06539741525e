"""Compares an engine's explanations with those of the golden sample, in the helper process that tries a signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from lightship.bundle.golden import Golden
from lightship.engines.base import CannotRun

Arrays = Mapping[str, NDArray[Any]]
# Returns the outputs for these inputs.
Run = Callable[[Arrays], Arrays]

# The allowed difference of a map, relative to its largest number. A map is a sum of products of both signs, which loses
# digits where they cancel each other.
_MAP_ATOL = 1e-3


def require_explanations(
    engine: str, runs: Callable[[Arrays], Iterable[Run]], golden: Golden, apart: tuple[float, float]
) -> None:
    """Raises CannotRun if an engine's explanations differ from those of the trained model.

    engine: the engine's name in errors.
    runs: returns what to compare for some inputs, such as a model for any number of rows and one for a single row.
    golden: the inputs and outputs of the signature that explains. They are compared together, and the first row alone.
    apart: the differences that the engine's precision allows, relative and absolute.
    """
    rtol, atol = apart
    golden = replace(golden, rtol=max(golden.rtol, rtol), atol=max(golden.atol, atol, _MAP_ATOL))
    for sample in (golden, _first_row(golden)):
        for run in runs(sample.inputs):
            difference = sample.compare(run(sample.inputs))
            if difference is not None:
                raise CannotRun(f"{engine}'s answers differ from the trained model's: {difference}")


def _first_row(golden: Golden) -> Golden:
    inputs, outputs = ({name: array[:1] for name, array in one.items()} for one in (golden.inputs, golden.outputs))
    return replace(golden, inputs=inputs, outputs=outputs)
