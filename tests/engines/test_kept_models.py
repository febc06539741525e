"""What a server needs to know of a SavedModel is kept in the cache, and belongs to the content of the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from lightship.engines import kept_models
from lightship.engines.cache import CompiledCache
from lightship.engines.kept_models import KeptModels, model_as_json, model_of_json
from lightship.errors import NotFound
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import read_saved_model

MODELS = sorted(Path(__file__).parents[1].glob("models/**/saved_model.pb"))


@pytest.fixture
def cache(tmp_path: Path) -> CompiledCache:
    return CompiledCache(tmp_path / "cache")


def kept(cache: CompiledCache, folder: Path) -> KeptModels:
    return KeptModels(cache, Digests(folder))


@pytest.mark.parametrize("file", MODELS, ids=lambda file: file.parent.name)
def test_a_model_out_of_the_cache_equals_the_one_that_was_read(file: Path) -> None:
    model = read_saved_model(file.parent)
    assert model_of_json(model_as_json(model)) == model


def test_there_are_models_to_compare() -> None:
    assert len(MODELS) >= 3


def test_the_graph_is_read_once(cache: CompiledCache, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = half_plus_two / "123"
    first = kept(cache, folder).read(folder, ("serve",))
    monkeypatch.setattr(kept_models, "parse_saved_model", None)
    assert kept(cache, folder).read(folder, ("serve",)) == first == read_saved_model(folder)


def test_another_graph_of_the_same_size_and_time_is_read(
    cache: CompiledCache, half_plus_two: Path, tmp_path: Path
) -> None:
    shutil.copytree(half_plus_two / "123", tmp_path / "1")
    file = tmp_path / "1" / "saved_model.pb"
    os.utime(file, (1, 1))
    assert "regress_x_to_y" in kept(cache, tmp_path / "1").read(tmp_path / "1", ("serve",)).signatures
    file.write_bytes(file.read_bytes().replace(b"regress_x_to_y", b"regress_x_to_z"))
    os.utime(file, (1, 1))
    assert "regress_x_to_z" in kept(cache, tmp_path / "1").read(tmp_path / "1", ("serve",)).signatures


def test_other_tags_are_another_entry(cache: CompiledCache, half_plus_two: Path) -> None:
    folder = half_plus_two / "123"
    kept(cache, folder).read(folder, ("serve",))
    with pytest.raises(NotFound, match="Could not find meta graph"):
        kept(cache, folder).read(folder, ("train",))


def test_a_damaged_entry_is_read_again(cache: CompiledCache, half_plus_two: Path, tmp_path: Path) -> None:
    folder = half_plus_two / "123"
    first = kept(cache, folder).read(folder, ("serve",))
    for index in (tmp_path / "cache").glob("*/index.json"):
        index.write_bytes(index.read_bytes()[:-20])
    assert kept(cache, folder).read(folder, ("serve",)) == first


def test_an_entry_of_another_form_is_read_again(
    cache: CompiledCache, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = half_plus_two / "123"
    monkeypatch.setattr(kept_models, "model_as_json", lambda model: {"signatures": [{}]})
    first = kept(cache, folder).read(folder, ("serve",))
    monkeypatch.undo()
    assert kept(cache, folder).read(folder, ("serve",)) == first


def test_without_a_file_the_error_is_the_readers(cache: CompiledCache, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not appear to contain a SavedModel"):
        kept(cache, tmp_path).read(tmp_path, ("serve",))
