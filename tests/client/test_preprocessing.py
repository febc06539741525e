"""What the client takes from an exported folder, without opening the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lightship import Client
from lightship.bundle.manifest import LABELS_FILE, MANIFEST_FILE, Manifest
from lightship.client.preprocessing import read_preprocessing
from lightship.errors import InvalidArgument, NotFound
from lightship.images.spec import ImageSpec

IMAGE = ImageSpec(4, 6, preprocessing="mobilenet_v2")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Versions 1, of two classes, and 2, of three."""
    for version, labels in ((1, "cat\ndog\n"), (2, "cat\ndog\nowl\n")):
        manifest = tmp_path / str(version) / MANIFEST_FILE
        manifest.parent.mkdir(parents=True)
        fields = Manifest("2026-11-23", {}, {}, labels=LABELS_FILE, image=IMAGE).to_json()
        manifest.write_text(json.dumps(fields))
        (manifest.parent / LABELS_FILE).write_text(labels)
    return tmp_path


def test_a_models_folder_means_its_newest_version(models: Path) -> None:
    preprocessing = read_preprocessing(None, None, models)
    assert (preprocessing.image, preprocessing.labels) == (IMAGE, ("cat", "dog", "owl"))


def test_a_version_means_itself(models: Path) -> None:
    assert read_preprocessing(None, None, str(models / "1")).labels == ("cat", "dog")


def test_what_is_given_goes_before_the_bundle(models: Path) -> None:
    other = ImageSpec(preprocessing="none")
    preprocessing = read_preprocessing(other, ["a", "b"], models)
    assert (preprocessing.image, preprocessing.labels) == (other, ("a", "b"))


def test_labels_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("a\nb\n")
    assert read_preprocessing(None, tmp_path / "classes.txt", None).labels == ("a", "b")


def test_a_folder_that_was_not_exported_is_reported_when_the_client_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not exported by Lightship"):
        Client("http://127.0.0.1:8501", bundle=tmp_path)


def test_labels_given_twice_are_refused(models: Path) -> None:
    with pytest.raises(InvalidArgument, match="cat"):
        Client("http://127.0.0.1:8501", labels=["cat", "cat"])
