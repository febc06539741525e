"""A version folder, opened: what Lightship added is there, and nothing broken passes."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lightship import protos
from lightship.bundle.bundle import Bundle, open_bundle
from lightship.bundle.golden import Golden
from lightship.bundle.manifest import MANIFEST_FILE, Manifest, sealed, write_manifest
from lightship.errors import DataLoss, FailedPrecondition, NotFound
from lightship.images.spec import ImageSpec

BFLOAT16 = 14


def saved_model() -> bytes:
    """A model that takes bfloat16 x and gives nothing."""
    model = protos.SavedModel()
    graph = model.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.signature_def["serving_default"].inputs["x"].dtype = BFLOAT16
    return bytes(model.SerializeToString())


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(saved_model())
    return tmp_path


@pytest.fixture
def whole(version: Path) -> Path:
    (version / "assets.extra/labels.txt").write_text("cat\ndog\n")
    Golden({"x": np.ones((2, 1), np.float32)}, {}).save(version / "assets.extra/golden.npz")
    spec = ImageSpec(height=8, width=9, preprocessing="none")
    names = {"labels": "labels.txt", "golden": "golden.npz"}
    write_manifest(version, Manifest("now", {}, {}, image=spec, image_signatures=("image_bytes",), rtol=0.5, **names))
    return version


def opened(folder: Path, **options: Any) -> Bundle:
    return open_bundle(folder, "pets", 3, **options)


def test_a_plain_saved_model_has_signatures_alone(version: Path) -> None:
    bundle = opened(version)
    assert (bundle.name, bundle.version, bundle.manifest, bundle.labels, bundle.golden) == ("pets", 3, None, None, None)
    assert bundle.image_signatures == frozenset()
    assert list(bundle.saved_model.signatures) == ["serving_default"]


def test_what_lightship_added_is_there(whole: Path) -> None:
    bundle = opened(whole)
    assert bundle.labels == ("cat", "dog")
    assert bundle.image is not None
    assert bundle.image.size == (8, 9)
    assert bundle.image_signatures == {"image_bytes"}
    assert bundle.golden is not None
    assert bundle.golden.rtol == 0.5


def test_golden_inputs_have_the_types_of_the_signature(whole: Path) -> None:
    golden = opened(whole).golden
    assert golden is not None
    assert golden.inputs["x"].dtype == ml_dtypes.bfloat16


def test_a_changed_file_is_found_unless_that_is_not_asked(whole: Path) -> None:
    (whole / "assets.extra/labels.txt").write_text("dog\ncat\n")
    with pytest.raises(DataLoss, match=r"labels\.txt was changed after export"):
        opened(whole)
    assert opened(whole, verify=False).labels == ("dog", "cat")


def test_a_truncated_graph_is_named(whole: Path) -> None:
    (whole / "saved_model.pb").write_bytes(saved_model()[:-3])
    with pytest.raises(DataLoss, match=r"saved_model\.pb has .* truncated"):
        opened(whole)


def test_without_a_graph_there_is_tensorflow_servings_text(whole: Path) -> None:
    (whole / "saved_model.pb").unlink()
    with pytest.raises(NotFound, match="does not appear to contain a SavedModel bundle"):
        opened(whole)


@pytest.mark.parametrize("golden", ["file", "link that leads nowhere"])
def test_a_bundle_without_its_manifest_is_no_plain_saved_model(whole: Path, golden: str) -> None:
    (whole / MANIFEST_FILE).unlink()
    if golden != "file":
        (whole / "assets.extra/golden.npz").unlink()
        (whole / "assets.extra/golden.npz").symlink_to("missing")
    with pytest.raises(DataLoss) as raised:
        opened(whole)
    assert raised.value.message == (
        f"{whole} is an incomplete bundle: it has assets.extra/golden.npz, but no assets.extra/lightship.json. Copy "
        "the complete version again, or remove assets.extra/golden.npz to serve it as a plain SavedModel"
    )
    (whole / "assets.extra/golden.npz").unlink()
    assert opened(whole).manifest is None


@pytest.mark.parametrize("missing", ["labels.txt", "golden.npz"])
def test_a_part_that_is_missing_is_data_loss_even_unverified(whole: Path, missing: str) -> None:
    (whole / "assets.extra" / missing).unlink()
    with pytest.raises(DataLoss, match=missing):
        opened(whole, verify=False)


def test_a_golden_sample_of_another_model_is_refused(whole: Path) -> None:
    Golden({"z": np.ones(2)}, {}).save(whole / "assets.extra/golden.npz")
    with pytest.raises(DataLoss, match="another model"):
        opened(whole, verify=False)


@pytest.mark.parametrize("fields", [{"labels": None}, {"image": None}, {"image_signatures": ["serving_default"]}])
def test_image_signatures_need_labels_and_image(whole: Path, fields: dict[str, Any]) -> None:
    document = json.loads((whole / MANIFEST_FILE).read_text())
    (whole / MANIFEST_FILE).write_text(json.dumps(sealed(document | fields)))
    with pytest.raises(DataLoss, match="image signatures"):
        opened(whole)


def test_weights_that_the_manifest_does_not_cover_are_checked(half_plus_two: Path, tmp_path: Path) -> None:
    version = Path(shutil.copytree(half_plus_two / "123", tmp_path / "1"))
    (version / "assets.extra").mkdir()
    write_manifest(version, Manifest("now", {}, {}))
    document = json.loads((version / MANIFEST_FILE).read_text())
    document["files"] = {"saved_model.pb": document["files"]["saved_model.pb"]}
    (version / MANIFEST_FILE).write_text(json.dumps(sealed(document)))
    opened(version)
    data = version / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(bytes(data.stat().st_size))
    with pytest.raises(DataLoss, match="is damaged"):
        opened(version)
    opened(version, verify=False)


@pytest.mark.parametrize("name", ["saved_model.pb", "assets.extra/labels.txt", "assets.extra/lightship.json"])
def test_a_fifo_is_refused_without_waiting_for_it(whole: Path, name: str) -> None:
    (whole / name).unlink()
    os.mkfifo(whole / name)
    with pytest.raises(FailedPrecondition, match=f"{name} is a FIFO"):
        opened(whole)
