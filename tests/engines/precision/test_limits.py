"""Options that contradict each other are refused when a server starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lightship.cli.option_words import in_options
from lightship.engines import EngineOptions
from lightship.engines.precision import check_precision_options
from lightship.errors import InvalidArgument, LightshipError, NotFound

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"precision": "f16"}, InvalidArgument, "precision='f16'; give one of f32, bf16, fp16, int8, auto"),
        ({"max_difference": -1.0}, InvalidArgument, "max_difference=-1; give 0 or more"),
        ({"max_difference": float("nan")}, InvalidArgument, "max_difference=nan"),
        ({"min_agreement": 98.0}, InvalidArgument, "min_agreement=98; give a share from 0 to 1"),
        ({"verify_with": HERE}, InvalidArgument, "but the precision is f32"),
        ({"verify_with": HERE / "none", "precision": "auto"}, NotFound, "none is not a folder"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[LightshipError], text: str) -> None:
    with pytest.raises(error, match=text):
        check_precision_options(EngineOptions(**options))


def test_right_options_are_accepted() -> None:
    check_precision_options(EngineOptions())
    check_precision_options(EngineOptions(precision="auto", verify_with=HERE, max_difference=0.0, min_agreement=1.0))


def test_messages_name_the_options_of_the_command_line() -> None:
    assert in_options("min_agreement=98; give a share") == "--min-agreement 98; give a share"
