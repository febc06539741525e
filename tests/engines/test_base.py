"""The options of an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lightship.engines import EngineOptions
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"threads": -1}, "threads=-1: give a whole number, 0 or more"),
        ({"threads": 10**20}, "threads=100000000000000000000: give a number up to 65536"),
        ({"threads": 1.5}, "threads=1.5: give a whole number"),
        ({"streams": -2}, "streams=-2: give"),
        ({"trial_memory": -1}, "trial_memory=-1: give"),
        ({"gpu_memory": -1}, "gpu_memory=-1: give"),
        ({"tflite_interpreters": -1}, "tflite_interpreters=-1: give"),
        ({"trial_seconds": 0.0}, "trial_seconds=0: give a number that is more than 0"),
        ({"one_row": "sometimes"}, "one_row='sometimes': give one of auto, always, never"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        EngineOptions(**options)
    assert text in caught.value.message


def test_paths_may_be_given_as_text() -> None:
    texts: Any = {"cache_dir": "cache", "verify_with": "photos"}
    assert EngineOptions(**texts) == EngineOptions(cache_dir=Path("cache"), verify_with=Path("photos"))
