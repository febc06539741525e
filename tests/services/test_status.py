"""How models and versions fare."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lightship.bundle.manifest import Manifest, write_manifest
from lightship.bundle.missing_image import INTENDED, MISSING
from lightship.errors import NotFound
from lightship.lifecycle import Manager, ModelVersionStatus, State
from lightship.lifecycle.version_files import FilesSeen
from lightship.services import list_models, model_status


def test_models_are_listed_with_versions_and_reasons(half_plus_two: Path) -> None:
    manager = Manager()
    manager.aspire("half", {123: half_plus_two / "123"})
    assert manager.wait_ready(60)
    manager.expect("cat", "models/cat does not exist")
    half, cat = list_models(manager)
    assert (half.name, half.ready, half.reason) == ("half", True, None)
    assert [(version.version, version.state) for version in half.versions] == [(123, State.AVAILABLE)]
    assert (cat.name, cat.ready, cat.reason, cat.versions) == ("cat", False, "models/cat does not exist", [])
    assert model_status(manager, "half", 123) == half.versions
    with pytest.raises(NotFound, match="Could not find any versions of model cat"):
        model_status(manager, "cat")
    manager.close(30)


def test_what_an_operator_should_know_is_in_the_summary_alone(tmp_path: Path) -> None:
    manager = Manager()
    unsettled = FilesSeen({}, "its files are still being written")
    manager.aspire("half", {1: tmp_path}, files={1: unsettled}, notice="the folder is empty")
    (half,) = list_models(manager)
    assert half.notice == "the folder is empty"
    assert half.reason == "version 1: its files are still being written"
    assert half.versions == [ModelVersionStatus(1, State.START, None, "its files are still being written")]
    manager.close(30)


def test_a_loaded_version_that_refuses_photos_by_mistake_is_noted(half_plus_two: Path, tmp_path: Path) -> None:
    for number, why in enumerate((MISSING, INTENDED), 1):
        version = tmp_path / "m" / str(number)
        shutil.copytree(half_plus_two / "123", version)
        (version / "assets.extra").mkdir(exist_ok=True)
        write_manifest(version, Manifest("now", {}, {}, no_image=why))
    manager = Manager()
    manager.aspire("m", {1: tmp_path / "m" / "1", 2: tmp_path / "m" / "2"})
    assert manager.wait(lambda _: all(one.state is State.AVAILABLE for one in manager.versions("m")), 60)
    (summary,) = list_models(manager)
    notes = {one.version: one.note for one in summary.versions}
    assert notes == {1: "takes tensors only, no photos: exported without --preprocess", 2: ""}
    assert [one.note for one in model_status(manager, "m")] == ["", ""]
    manager.close(30)
