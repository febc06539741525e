"""`lightship tune`: the command, what it keeps, and the server that loads a model with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from lightship.engines import EngineOptions
from lightship.engines.base import Figures
from lightship.engines.cache_keys import digest_of_folder
from lightship.engines.tuned import TunedSetting, settings_for
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

TOY = Path(__file__).parents[1] / "models" / "half_plus_two" / "123"
FIGURES = Figures(DEFAULT_SIGNATURE, ((1, 0.002), (2, 0.0021)))
SETTING = TunedSetting(threads=0, streams=1, rows=2, one_row="never", precision="f32", figures=FIGURES)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for version in ("1", "2"):
        shutil.copytree(TOY, tmp_path / "toy" / version)
        (tmp_path / "toy" / version / "assets.extra").mkdir(exist_ok=True)
        (tmp_path / "toy" / version / "assets.extra" / "notes.txt").write_text(version)
    return tmp_path / "toy"


def keep(cache: Path, version: Path) -> None:
    settings_for(EngineOptions(cache_dir=cache)).keep(digest_of_folder(version), SETTING)


def test_the_command_tells_what_it_tried_and_keeps_what_is_better(lightship: Run, model: Path, tmp_path: Path) -> None:
    done = lightship(
        *("tune", model, "--version", 1, "--seconds", 5, "--repeats", 3, "--callers", "1,2", "--precision", "f32"),
        *("--cache-dir", tmp_path / "cache", "--html", tmp_path / "toy.html", "--json"),
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["model"], found["version"], found["engine"]) == ("toy", 1, "openvino")
    assert found["tried"]
    files = list((tmp_path / "cache" / "tuned").glob("*.json"))
    if found["better"]:
        assert [str(file) for file in files] == [found["kept"]]
    else:
        assert "nothing to win" in found["verdict"]
        assert files == []
    assert "Settings" in (tmp_path / "toy.html").read_text()


def test_what_was_kept_is_shown_and_forgotten(lightship: Run, model: Path, tmp_path: Path) -> None:
    env = {"LIGHTSHIP_CACHE_DIR": str(tmp_path / "cache")}
    for version in ("1", "2"):
        keep(tmp_path / "cache", model / version)
    shown = lightship("inspect", model, env=env).stdout
    assert "Tuned on this host: 1 stream, batches of up to 2 rows, no model for one row" in shown
    assert lightship("tune", "--forget", model / "1", env=env).stdout == f"removed 1 setting of {model / '1'}\n"
    assert json.loads(lightship("tune", "--forget", model, "--json", env=env).stdout) == {"removed": 1}
    assert "Tuned" not in lightship("inspect", model, env=env).stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--callers", "0"], "numbers of callers"),
        (["--callers", "4,"], "numbers of callers"),
        (["--slo", "20ms"], "p99=20ms"),
        (["--seconds", "1"], "1"),
        (["--version", "7"], "has no version 7: it has 1, 2"),
        (["--signature", "nope"], 'has no signature "nope"'),
        (["--html", "."], "is a folder"),
    ],
)
def test_a_mistake_is_told_before_anything_is_tried(lightship: Run, model: Path, words: list[str], told: str) -> None:
    done = lightship("tune", model, *words)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_no_model_is_told(lightship: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    done = lightship("tune", "photo.jpg")
    assert done.returncode != 0
    assert "lightship tune needs" in done.stderr
