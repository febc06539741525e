"""Servables with and without labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lightship.lifecycle import Servable, ServableId, load_servable


@pytest.fixture(scope="session")
def dog(dog_bundle: Path) -> Iterator[Servable]:
    servable = load_servable(ServableId("dog", 1), dog_bundle / "1")
    yield servable
    servable.close()


@pytest.fixture(scope="session")
def half(half_plus_two: Path) -> Iterator[Servable]:
    servable = load_servable(ServableId("half", 123), half_plus_two / "123")
    yield servable
    servable.close()


@pytest.fixture(scope="session")
def inference(saved_models: Path) -> Iterator[Servable]:
    """See `save_inference_model`."""
    servable = load_servable(ServableId("inference", 7), saved_models / "inference" / "7")
    yield servable
    servable.close()
