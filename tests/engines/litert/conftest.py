"""Versions with a model.tflite, opened by the engine that a server uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.saved_model.version_model import read_model

MODELS = Path(__file__).parents[2] / "saved_model/tflite/models"

Open = Callable[..., Engine]


def model(name: str) -> bytes:
    """One of the files that are checked in."""
    return (MODELS / f"{name}.tflite").read_bytes()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Writes a version with these bytes as its model.tflite, and loads it with these options."""
    with ExitStack() as stack:

        def load(data: bytes, name: str = "m", **options: Any) -> Engine:
            folder = tmp_path / name / "1"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "model.tflite").write_bytes(data)
            engine = load_engine(folder, read_model(folder), EngineOptions(**options))
            stack.callback(engine.close)
            return engine

        yield load
