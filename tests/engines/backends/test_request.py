"""What a helper process is asked to try on a backend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lightship.engines import EngineOptions
from lightship.engines.backends.request import options_of, request_for
from lightship.engines.base import Figures
from lightship.saved_model.signatures import Signature
from lightship.saved_model.tflite import read_tflite

MODELS = Path(__file__).parents[2] / "saved_model/tflite/models"


def request(tmp_path: Path, **options: Any) -> dict[str, Any]:
    (tmp_path / "model.tflite").write_bytes((MODELS / "doubled.tflite").read_bytes())
    signature: Signature = read_tflite(tmp_path).signatures["serving_default"]
    return request_for(tmp_path, signature, EngineOptions(engine="litert", **options))


@pytest.mark.parametrize(
    "options",
    [
        {"tuned": False},
        {"figures": Figures("serving_default", ((1, 0.002),))},
        {"verify_with": Path("photos"), "max_difference": 0.5, "min_agreement": 0.5},
        {"trust": True, "low_priority": True, "cache_dir": Path("cache"), "trial_seconds": 1.0, "trial_memory": 1},
    ],
)
def test_what_changes_no_answer_makes_no_other_request(tmp_path: Path, options: dict[str, Any]) -> None:
    assert request(tmp_path, **options) == request(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 3},
        {"precision": "fp16"},
        {"allow_unproven": frozenset({"TopKV2"})},
        {"prefer_tflite": True},
        {"tflite_interpreters": 2},
        {"device": "gpu:0", "gpu_memory": 1 << 30},
    ],
)
def test_a_helper_gets_all_other_options(tmp_path: Path, options: dict[str, Any]) -> None:
    asked = json.loads(json.dumps(request(tmp_path, **options)))
    assert asked != request(tmp_path)
    assert options_of(asked) == EngineOptions(engine="litert", **options)
