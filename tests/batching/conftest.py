"""Engines of real models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.batching.gated_engine import GatedEngine

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import Signature

Loaded = tuple[GatedEngine, dict[str, Signature]]


@pytest.fixture
def loaded(saved_models: Path) -> Iterator[Callable[[str], Loaded]]:
    """Loads one of the models in tests/models, given by its folder, such as `odd/1`."""
    engines: list[Engine] = []

    def load(folder: str) -> Loaded:
        path = saved_models / folder
        model = read_saved_model(path)
        engine = load_engine(path, model, EngineOptions(trust=True))
        engines.append(engine)
        return GatedEngine(engine), dict(model.signatures)

    yield load
    for engine in engines:
        engine.close()
