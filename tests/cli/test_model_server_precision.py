"""The flags of `lightship-model-server` that say in which precision to compute."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from lightship.cli.flags import Value
from lightship.cli.model_server_precision import precision_options
from lightship.engines.precision import supported
from lightship.errors import InvalidArgument

UNSET: dict[str, Value] = dict.fromkeys(
    ("precision", "mixed_precision", "verify_with", "max_difference", "min_agreement"), ""
)


def options(**flags: str) -> dict[str, object]:
    return precision_options({**UNSET, **flags})


def test_without_flags_everything_is_computed_in_f32() -> None:
    assert options() == {"precision": "f32", "verify_with": None, "max_difference": None, "min_agreement": 0.98}


def test_all_flags_are_passed_on() -> None:
    given = options(precision="auto", verify_with="/photos", max_difference="0.1", min_agreement="1")
    wanted = {"precision": "auto", "verify_with": Path("/photos"), "max_difference": 0.1, "min_agreement": 1.0}
    assert given == wanted


@pytest.mark.parametrize(("known", "precision"), [(("FP32", "BF16"), "bf16"), (("FP32",), "f32")])
def test_mixed_precision_is_a_wish_that_some_processors_cannot_grant(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: tuple[str, ...], precision: str
) -> None:
    monkeypatch.setattr(supported, "processor", lambda: ("a processor", known))
    with caplog.at_level(logging.WARNING):
        assert options(mixed_precision="bfloat16")["precision"] == precision
    assert ("--mixed_precision has no effect" in caplog.text) == (precision == "f32")


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"mixed_precision": "bf16"}, "--mixed_precision is 'bf16'; give bfloat16"),
        ({"max_difference": "5%"}, "--max_difference is '5%'; give a number"),
    ],
)
def test_wrong_values_are_refused(flags: dict[str, str], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        options(**flags)
