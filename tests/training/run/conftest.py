"""A tiny training that several modules look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.training.run.examples import options, write_base, write_photos

from lightship.training.run.trained_run import TrainedRun


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos. Copy it before changing anything in it."""
    return write_photos(tmp_path_factory.mktemp("photos") / "three colours")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "tiny.keras")


@pytest.fixture(scope="module")
def _deterministic() -> Iterator[None]:
    """Lets other tests use operations that are not deterministic again."""
    from tensorflow.python.framework import config

    yield
    config.disable_op_determinism()


@pytest.fixture(scope="module")
def trained(photos: Path, base: Path, tmp_path_factory: pytest.TempPathFactory, _deterministic: None) -> TrainedRun:
    """A training that nothing disturbed."""
    from lightship.training.run.train import train

    return train(options(photos, base, tmp_path_factory.mktemp("models") / "colours"))
