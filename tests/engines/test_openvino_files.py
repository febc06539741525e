"""Versions whose files are broken, when they are loaded or later."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import load_engine
from lightship.errors import DataLoss, FailedPrecondition
from lightship.saved_model.reader import read_saved_model


def broken(version: Path, folder: Path, file: str, keep: int | None) -> Path:
    """A copy with one file cut to a number of bytes, or without it."""
    copy = shutil.copytree(version, folder / "1")
    if keep is None:
        (copy / file).unlink()
    else:
        (copy / file).write_bytes((copy / file).read_bytes()[:keep])
    return copy


@pytest.mark.parametrize(
    ("file", "keep"),
    [
        ("variables/variables.data-00000-of-00001", 2),
        ("variables/variables.data-00000-of-00001", None),
        ("variables/variables.index", 20),
        ("variables/variables.index", None),
    ],
)
def test_broken_weights_are_data_loss(half_plus_two: Path, tmp_path: Path, file: str, keep: int | None) -> None:
    version = broken(half_plus_two / "123", tmp_path, file, keep)
    with pytest.raises(DataLoss, match=str(version)):
        load_engine(version, read_saved_model(version))


def test_truncating_what_is_served_does_not_end_the_process(half_plus_two: Path, tmp_path: Path) -> None:
    version = shutil.copytree(half_plus_two / "123", tmp_path / "1")
    engine = load_engine(version, read_saved_model(version))
    broken_file = next((version / "variables").glob("*.data*"))
    broken_file.write_bytes(b"")
    assert engine.run("serving_default", {"x": np.ones((3, 1), np.float32)})["y"].tolist() == [[2.5]] * 3
    with pytest.raises(FailedPrecondition, match="were changed after this version was loaded"):
        engine.run("serving_default", {"x": np.ones(3, np.float32)})
