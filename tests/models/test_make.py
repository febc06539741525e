"""The models that are checked in are those that the code beside them saves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.models.make import HERE, save, savers

from lightship.protos import SavedModel


def signatures(version: Path) -> dict[str, bytes]:
    (graph,) = SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    return {name: one.SerializeToString(deterministic=True) for name, one in graph.signature_def.items()}


def test_every_model_is_made_by_the_script() -> None:
    assert {file.name for file in HERE.iterdir() if file.is_dir() and not file.name.startswith("_")} == set(savers())


def test_together_they_are_small() -> None:
    assert sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file() and file.suffix != ".pyc") < 300_000


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", savers())
def test_a_model_made_anew_has_the_same_signatures(name: str, tmp_path: Path) -> None:
    save(name, tmp_path)
    version = Path(name) / savers()[name][0]
    assert signatures(tmp_path / version) == signatures(HERE / version)
