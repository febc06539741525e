"""Versions whose files are broken, when they are loaded or later."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import EngineOptions, load_engine
from lightship.errors import DataLoss, FailedPrecondition
from lightship.saved_model.digests import Digests
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


def test_a_signature_is_not_read_from_the_files_of_another_model(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.saved_model.digests._COARSE_CLOCK", 0)  # remembers digests of new files too
    version = shutil.copytree(half_plus_two / "123", tmp_path / "1")
    digests = Digests(version)
    weights = next((version / "variables").glob("*.data*"))
    name = weights.relative_to(version).as_posix()
    assert digests.known(name) is None
    digests.of(name)
    assert digests.known(name) is not None
    engine = load_engine(version, read_saved_model(version), EngineOptions(trust=True), digests)
    loaded = weights.read_bytes()
    weights.write_bytes(bytes(len(loaded)))
    (version / "assets.extra").mkdir()
    (version / "assets.extra" / "more").write_text("a further file is no change")
    with pytest.raises(FailedPrecondition, match=r'changed or removed after .* "regress_x_to_y" is needed'):
        engine.engine_of("regress_x_to_y")
    assert engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})["y"].tolist() == [[2.5]]
    weights.write_bytes(loaded)  # at another time
    assert engine.engine_of("regress_x_to_y") == "openvino"
    engine.close()


def test_files_of_a_model_without_a_manifest_may_be_copied_again(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.saved_model.digests._COARSE_CLOCK", 0)
    version = shutil.copytree(half_plus_two / "123", tmp_path / "1")
    engine = load_engine(version, read_saved_model(version), digests=Digests(version))  # which are read while it loads
    for file in version.rglob("*"):
        os.utime(file, (1, 1))
    assert engine.engine_of("regress_x_to_y") == "openvino"
    engine.close()
