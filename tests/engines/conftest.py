"""A model with a signature for every oddity, and both engines on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.saved_model.reader import read_saved_model


@pytest.fixture(scope="session")
def odd_version(saved_models: Path) -> Path:
    """The version folder of a model with a signature for every oddity; see odd_model.py."""
    return saved_models / "odd" / "1"


@pytest.fixture(scope="session")
def engine(odd_version: Path) -> Iterator[Engine]:
    loaded = load_engine(odd_version, read_saved_model(odd_version))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def alone(odd_version: Path) -> Iterator[Engine]:
    """The same model on OpenVINO alone, as where TensorFlow is not installed."""
    loaded = load_engine(odd_version, read_saved_model(odd_version), EngineOptions(engine="openvino"))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def worded(odd_version: Path) -> Iterator[Engine]:
    """The same model on both engines, where TensorFlow words all refusals."""
    loaded = load_engine(odd_version, read_saved_model(odd_version), EngineOptions(tensorflow_texts=True))
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def reference(odd_version: Path) -> Iterator[Engine]:
    """The same model, all of it run by TensorFlow."""
    loaded = load_engine(odd_version, read_saved_model(odd_version), EngineOptions(engine="tensorflow"))
    yield loaded
    loaded.close()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)
