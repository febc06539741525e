"""Which versions of a model's folder are baked, and what is refused before any engine is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lightship.bundle.manifest import Manifest, write_manifest
from lightship.docker.model_folder import parse_versions, read_model_folder
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, LightshipError, NotFound

Make = Callable[..., Path]


@pytest.fixture
def model(tmp_path: Path) -> Make:
    def made(*versions: str, name: str = "dog") -> Path:
        for version in versions:
            folder = tmp_path / name / version
            folder.mkdir(parents=True)
            (folder / "saved_model.pb").write_bytes(version.encode())
        return tmp_path / name

    return made


@pytest.mark.parametrize(
    ("versions", "expected"),
    [("all", (2, 9, 10)), ("latest", (10,)), ((9,), (9,)), ([10, 2, 2], (2, 10)), ("10,2", (2, 10))],
)
def test_the_versions_are_those_asked_for_oldest_first(model: Make, versions: str, expected: tuple[int, ...]) -> None:
    assert read_model_folder(model("10", "2", "9"), versions=versions).numbers == expected


def test_what_is_no_version_is_left_out(model: Make) -> None:
    folder = model("1", "2", ".2.unfinished", "draft")
    (folder / "README").write_text("x")
    (folder / "1" / ".DS_Store").write_text("x")
    found = read_model_folder(folder)
    assert found.numbers == (1, 2)
    assert found.left_out == (".2.unfinished", "README", "draft", "1/.DS_Store")


def test_the_name_is_the_folders_own_or_the_one_given(model: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model("1"))
    assert read_model_folder(Path(".")).name == "dog"
    assert read_model_folder(Path("."), "hund_2.ä@x").name == "hund_2.ä@x"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "a:b", "a\nRUN x", 'a"', "$HOME", "a*", "x" * 201, "a%"])
def test_a_name_that_could_not_be_served_is_refused(model: Make, name: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot be a model's name"):
        read_model_folder(model("1"), name)


def test_a_folder_without_a_version_says_what_is_there(model: Make, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="dog/1 is a version, not a model's folder: give its parent"):
        read_model_folder(model("1") / "1")
    with pytest.raises(NotFound, match="no-such does not exist"):
        read_model_folder(tmp_path / "no-such")


@pytest.mark.parametrize(
    ("versions", "kind", "message"),
    [
        ([3], NotFound, "has no version 3: it has 1, 2"),
        ([], InvalidArgument, "no version of .* was chosen"),
        ("newest", InvalidArgument, "'newest' are not versions"),
    ],
)
def test_versions_that_cannot_be(model: Make, versions: str, kind: type[LightshipError], message: str) -> None:
    with pytest.raises(kind, match=message):
        read_model_folder(model("1", "2"), versions=versions)


def test_a_version_without_a_model_is_refused(model: Make) -> None:
    folder = model("1", "2", "3")
    (folder / "3" / "saved_model.pb").unlink()
    with pytest.raises(FailedPrecondition, match=r"dog/3 has no saved_model.pb: .* --versions 1,2"):
        read_model_folder(folder)
    assert read_model_folder(folder, versions="1,2").numbers == (1, 2)


def test_a_plain_saved_model_has_no_digest(model: Make) -> None:
    (version,) = read_model_folder(model("1")).versions
    assert (version.digest, version.classes) == (None, None)


def test_a_bundle_is_held_against_its_manifest(model: Make) -> None:
    folder = model("1")
    extras = folder / "1" / "assets.extra"
    extras.mkdir()
    (extras / "labels.txt").write_text("pug\nboxer\n")
    write_manifest(folder / "1", Manifest("2026-01-01", {}, {}, labels="labels.txt"))
    (version,) = read_model_folder(folder).versions
    assert version.digest == f"sha256:{hashlib.sha256((extras / 'lightship.json').read_bytes()).hexdigest()}"
    assert version.classes == 2
    (folder / "1" / "saved_model.pb").write_bytes(b"2")
    with pytest.raises(DataLoss, match="saved_model.pb was changed after export"):
        read_model_folder(folder)


@pytest.mark.parametrize("text", ["", "1,", "a", "1;2", "1_0", "latest,1"])
def test_a_text_that_names_no_versions(text: str) -> None:
    with pytest.raises(InvalidArgument, match="give all, latest, or numbers such as 1,2"):
        parse_versions(text)
