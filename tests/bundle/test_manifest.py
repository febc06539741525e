"""`lightship.json`: read, written, refused, and held against the files."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from lightship.bundle.explain_spec import ExplainSpec
from lightship.bundle.manifest import MANIFEST_FILE, Manifest, sealed, write_manifest
from lightship.errors import DataLoss, FailedPrecondition, NotFound
from lightship.images.spec import ImageSpec

IMAGE = ImageSpec(height=8, width=8, preprocessing={"mean": [1, 2, 3], "std": 2})
FULL = Manifest(
    "2026-01-02T03:04:05+00:00",
    {"keras": "3"},
    {},
    labels="labels.txt",
    image=IMAGE,
    image_signatures=("image_bytes",),
    golden="golden.npz",
    rtol=0.5,
)
EXPLAIN = ExplainSpec("top", "cam", {"cam": "explain_cam", "grad-cam": "explain_grad_cam"})


@pytest.fixture
def version(tmp_path: Path) -> Path:
    for name, content in (
        ("saved_model.pb", b"graph"),
        ("variables/a", b"weights"),
        ("assets.extra/labels.txt", b"x\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    write_manifest(tmp_path, FULL)
    return tmp_path


def changed(version: Path, **fields: Any) -> None:
    document = json.loads((version / MANIFEST_FILE).read_text()) | fields
    (version / MANIFEST_FILE).write_text(json.dumps(sealed(document)))


def test_what_is_written_is_what_is_read(version: Path) -> None:
    manifest = Manifest.read(version)
    assert manifest.files.keys() == {"saved_model.pb", "variables/a", "assets.extra/labels.txt"}
    assert manifest.image == IMAGE
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert sealed({**manifest.to_json(), "files": {}}) == FULL.to_json()


def test_explanations_are_read_as_they_were_written(version: Path) -> None:
    assert Manifest.read(version).explain is None
    changed(version, explain=EXPLAIN.to_json())
    assert Manifest.read(version).explain == EXPLAIN
    assert Manifest.from_json(Manifest.read(version).to_json()).explain == EXPLAIN


@pytest.mark.parametrize("explain", [{"layer": "top"}, {**EXPLAIN.to_json(), "default": "x"}, ["top"]])
def test_broken_explanations_are_refused(version: Path, explain: Any) -> None:
    changed(version, explain=explain)
    with pytest.raises(DataLoss, match="is not a manifest of format 1"):
        Manifest.read(version)


def test_all_that_is_not_the_model_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    write_manifest(tmp_path, Manifest("now", {}, {}))
    manifest = Manifest.read(tmp_path)
    assert (manifest.labels, manifest.image, manifest.golden, manifest.image_signatures) == (None, None, None, ())


def test_whole_files_pass(version: Path) -> None:
    Manifest.read(version).verify(version)


@pytest.mark.parametrize("content", [b"weight", b"weighTs", None])
def test_a_file_that_is_truncated_changed_or_gone_is_named(version: Path, content: bytes | None) -> None:
    (version / "variables/a").unlink()
    if content is not None:
        (version / "variables/a").write_bytes(content)
    with pytest.raises(DataLoss, match="variables/a"):
        Manifest.read(version).verify(version)


def test_a_newer_format_asks_for_a_newer_lightship(version: Path) -> None:
    changed(version, format=2, files="something else by then")
    with pytest.raises(FailedPrecondition, match=r"format 2.*pip install --upgrade lightship"):
        Manifest.read(version)


def test_fields_of_a_later_release_are_left_alone(version: Path) -> None:
    changed(version, colour_profile="sRGB")
    assert Manifest.read(version).labels == "labels.txt"


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "1"},
        {"format": 0},
        {"labels": "../../etc/passwd"},
        {"golden": {"file": "/etc/passwd", "rtol": 1, "atol": 1}},
        {"golden": {"file": "golden.npz"}},
        {"files": {"../1/x": {"size": 1, "sha256": ""}}},
        {"files": {"/etc/passwd": {"size": 1, "sha256": ""}}},
        {"files": []},
        {"image": {"preprocessing": "no such thing"}},
    ],
)
def test_a_broken_manifest_is_data_loss(version: Path, fields: dict[str, Any]) -> None:
    changed(version, **fields)
    with pytest.raises(DataLoss, match=r"lightship\.json"):
        Manifest.read(version)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 1}', "\udcff"])
def test_something_else_than_a_manifest_is_data_loss(version: Path, text: str) -> None:
    (version / MANIFEST_FILE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataLoss, match=r"lightship\.json"):
        Manifest.read(version)


def test_none_at_all_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not exported by Lightship"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("name", [MANIFEST_FILE, "assets.extra"])
def test_a_link_that_leads_nowhere_is_not_the_absence_of_a_manifest(tmp_path: Path, name: str) -> None:
    """Otherwise a copy that lost the manifest's file would be served as a plain SavedModel, without labels."""
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to("missing")
    with pytest.raises(DataLoss, match="a link that leads nowhere"):
        Manifest.read(tmp_path)


def test_a_manifest_without_a_digest_is_of_an_older_release(version: Path) -> None:
    document = json.loads((version / MANIFEST_FILE).read_text())
    del document["digest"]
    (version / MANIFEST_FILE).write_text(json.dumps(document))
    assert Manifest.read(version).labels == "labels.txt"


def test_every_flipped_bit_is_refused_or_changes_nothing(version: Path) -> None:
    intact, chance = (version / MANIFEST_FILE).read_bytes(), random.Random(1)
    manifest = Manifest.read(version)
    for bit in chance.sample(range(8 * len(intact)), 300):
        damaged = bytearray(intact)
        damaged[bit // 8] ^= 1 << bit % 8
        (version / MANIFEST_FILE).write_bytes(damaged)
        try:
            assert Manifest.read(version) == manifest, f"bit {bit}"
        except (DataLoss, FailedPrecondition):
            continue


def test_a_changed_field_says_so(version: Path) -> None:
    text = (version / MANIFEST_FILE).read_text()
    (version / MANIFEST_FILE).write_text(text.replace('"rtol": 0.5', '"rtol": 0.6'))
    with pytest.raises(DataLoss, match=r"lightship\.json was changed after export: its fields do not have the digest"):
        Manifest.read(version)


def test_a_manifest_that_is_far_too_large_is_not_read(version: Path) -> None:
    with (version / MANIFEST_FILE).open("ab") as file:
        file.truncate(1 << 40)  # takes no space on the disk
    with pytest.raises(DataLoss, match="at most 67,108,864 are read"):
        Manifest.read(version)
