"""A model that a client chose is below its root, wherever links lead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightship.errors import InvalidArgument, PermissionDenied
from lightship.lifecycle.confinement import check_confined, is_below
from lightship.lifecycle.model_config import ModelConfig


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "dog" / "1").mkdir(parents=True)
    (tmp_path / "secret" / "1").mkdir(parents=True)
    (tmp_path / "rooted").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "root" / "in").symlink_to("dog")
    (tmp_path / "root" / "hanging").symlink_to(tmp_path / "not" / "there")
    (tmp_path / "root" / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("root")
    return tmp_path / "root"


@pytest.mark.parametrize(
    "path", [".", "dog", "dog/", "./dog", "dog/../dog", "in", "new", "new/newer", "../root/dog", "../link/dog", "loop"]
)
def test_what_is_below_or_will_be(root: Path, path: str) -> None:
    assert is_below(root / path, root)
    assert is_below(root / path, root.with_name("link"))
    assert is_below(Path(f"/{root / path}"), root)


@pytest.mark.parametrize(
    "path", ["..", "../secret", "dog/../../secret", "out", "out/1", "hanging", "../rooted", "../new", "out/../secret"]
)
def test_what_is_elsewhere_or_leads_there(root: Path, path: str) -> None:
    assert not is_below(root / path, root)
    assert not is_below(root / path, root.with_name("link"))


def test_text_that_is_no_path_is_refused(root: Path) -> None:
    with pytest.raises(InvalidArgument, match="is not a path"):
        is_below(root / "a\0b", root)


def test_a_version_that_leads_out_is_refused(root: Path) -> None:
    (root / "dog" / "2").symlink_to(root.parent / "secret" / "1")
    model = ModelConfig("dog", root / "dog", root=root)
    check_confined(model, [root / "dog" / "1"])
    with pytest.raises(PermissionDenied) as caught:
        check_confined(model, [root / "dog" / "1", root / "dog" / "2"])
    assert caught.value.message.startswith(f"model dog: {root}/dog/2 is not below {root}, ")
    assert "secret" not in caught.value.message


def test_a_link_that_moves_out_later_is_refused(root: Path) -> None:
    model = ModelConfig("in", root / "in", root=root)
    check_confined(model)
    os.unlink(root / "in")
    (root / "in").symlink_to(root.parent / "secret")
    with pytest.raises(PermissionDenied):
        check_confined(model)


def test_without_a_root_every_folder_is_allowed(root: Path) -> None:
    check_confined(ModelConfig("out", root / "out"), [root / "out" / "1"])
