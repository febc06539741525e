"""A backend never answers from files that its trial did not see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lightship.engines import EngineOptions, load_engine
from lightship.engines.backends import tried
from lightship.engines.backends.registry import load_backend
from lightship.errors import DataLoss
from lightship.saved_model.version_model import read_model

pytest.importorskip("ai_edge_litert")
MODELS = Path(__file__).parents[2] / "saved_model/tflite/models"


def test_a_file_that_changes_between_the_trial_and_the_opening_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes((MODELS / "toy.tflite").read_bytes())

    def changing(name: str) -> Any:
        os.utime(file, ns=(0, 0))  # as if it had been written again
        return load_backend(name)

    monkeypatch.setattr(tried, "load_backend", changing)
    with pytest.raises(DataLoss, match="were changed while they were loaded"):
        load_engine(tmp_path, read_model(tmp_path), EngineOptions(cache_dir=tmp_path.parent / "cache"))
