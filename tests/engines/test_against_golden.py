"""Explanations of an engine are compared with those of the golden sample, together and the first row alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.bundle.golden import Golden
from lightship.engines.against_golden import require_explanations
from lightship.engines.against_tensorflow import Run
from lightship.engines.base import CannotRun

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6)
EXACT = (1e-3, 1e-4)


def maps(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {"map": inputs["x"] * 3, "class_index": inputs["class_index"]}


INPUTS = {"x": X, "class_index": np.array([1, 0], np.int32)}
GOLDEN = Golden(INPUTS, maps(INPUTS))


def off_by(difference: float, rows: int) -> Run:
    """Gives maps that differ for this number of rows."""

    def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = maps(inputs)
        return {**outputs, "map": outputs["map"] + (difference if len(inputs["x"]) == rows else 0)}

    return run


def test_equal_maps_pass() -> None:
    asked: list[int] = []

    def runs(inputs: Mapping[str, NDArray[Any]]) -> list[Run]:
        asked.append(len(inputs["x"]))
        return [maps, off_by(0.002, 2)]  # within a thousandth of 3

    require_explanations("engine", runs, GOLDEN, EXACT)
    assert asked == [2, 1]


@pytest.mark.parametrize("rows", [1, 2])
def test_a_map_that_differs_is_refused(rows: int) -> None:
    with pytest.raises(CannotRun) as refused:
        require_explanations("engine", lambda inputs: [maps, off_by(0.01, rows)], GOLDEN, EXACT)
    assert refused.value.reason.startswith("engine's answers differ from the trained model's: output 'map' differs at")


def test_another_precision_may_differ_more() -> None:
    require_explanations("engine", lambda inputs: [off_by(0.1, 2)], GOLDEN, (0.05, 0.05))
