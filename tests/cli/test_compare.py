"""Two versions of a model compared by command: folders and servers, requirements, and what goes wrong."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli.conftest import BIN, Run, clean_environment, heed_interrupts
from tests.colour_models import COLOURS, export_colour_model, save_colour_photos

from lightship.cli.app import run_app
from lightship.cli.failures import run_command

pytestmark = pytest.mark.tensorflow  # exports models

NO_WORSE = ("--require", "accuracy >= -0.005")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is right about every colour; version 2 has a damaged head, which takes cyan for blue and back."""
    folder = tmp_path_factory.mktemp("models") / "colours"
    export_colour_model(folder)
    export_colour_model(folder, ("cyan", "blue", "green", "magenta", "red", "yellow"))
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_colour_photos(tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def served(models: Path) -> Iterator[dict[str, str]]:
    """The addresses of a server that has the worse version 2."""
    words = [BIN / "lightship", "serve", models, "--rest-port", "auto", "--grpc-port", "auto", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield {
                "rest": f"{ready['url']}/v1/models/colours",
                "grpc": f"grpc://127.0.0.1:{ready['grpc_port']}/colours",
            }
        finally:
            process.terminate()


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command in this process, which saves the seconds that the start of Python and its imports take."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        words = ["lightship", "compare", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        code = 0
        try:
            run_command(run_app)
        except SystemExit as ending:
            code = int(ending.code or 0)
        return subprocess.CompletedProcess(words, code, *capsys.readouterr())

    return run


def found(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_the_same_version_twice_agrees_about_everything(compare: Run, models: Path, photos: Path) -> None:
    strict = ("--require", "agreement >= 1", "--require", "accuracy >= +0", "--require", "changed <= 0")
    done = compare(models / "1", models / "1", "--on", photos, *strict, "--json")
    assert done.returncode == 0
    assert done.stderr.startswith(f"warning: A and B are the same version, {models / '1'}: ")
    answer = found(done)
    assert (answer["photos"], answer["metrics"]["agreement"], answer["changed"], answer["passed"]) == (24, 1, [], True)
    assert answer["metrics"]["accuracy"] == {"a": 1, "b": 1, "change": 0}


def test_a_version_made_worse_is_refused(
    lightship: Run, models: Path, photos: Path, no_tensorflow: dict[str, str]
) -> None:
    """The newest version of the model's folder is the worse one. TensorFlow is not needed."""
    done = lightship("compare", models / "1", models, "--on", photos, *NO_WORSE, env=no_tensorflow)
    assert (done.returncode, done.stderr) == (1, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["accuracy", "1.000", "0.667", "-0.333"] in lines
    assert ["blue", "4", "1.000", "0.000", "-1.000", "1.000", "0.000"] in lines
    assert ["accuracy", ">=", "-0.005", "failed", "-0.333"] in lines
    assert "8 of 24 answers changed" in done.stdout
    assert "B fails 1 of 1 requirement" in done.stdout


def test_a_version_made_better_is_accepted(compare: Run, models: Path, photos: Path) -> None:
    done = compare(models / "2", models / "1", "--on", photos, *NO_WORSE, "--json")
    answer = found(done)
    assert (done.returncode, answer["metrics"]["better"], answer["metrics"]["worse"]) == (0, 8, 0)
    assert {one["outcome"] for one in answer["changed"]} == {"better"}


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_model_on_a_server_is_compared(
    compare: Run, models: Path, photos: Path, served: dict[str, str], transport: str
) -> None:
    url = served[transport]
    done = compare(models / "1", url, "--on", photos, *NO_WORSE, "--json")
    answer = found(done)
    assert done.returncode == 1
    assert (answer["b"]["name"], answer["b"]["version"]) == (f"{url}/versions/2", 2)
    assert answer["metrics"]["accuracy"]["b"] == pytest.approx(2 / 3)
    done = compare(url, models / "2", "--on", photos, "--require", "agreement >= 1")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_version_that_a_server_does_not_have_is_an_error(
    compare: Run, models: Path, photos: Path, served: dict[str, str]
) -> None:
    done = compare(models / "1", f"{served['rest']}/versions/9", "--on", photos)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not serve this model or version" in done.stderr


def test_photos_without_labels_are_compared_by_agreement(
    compare: Run, models: Path, photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "unsorted"
    folder.mkdir()
    for name in COLOURS:
        shutil.copyfile(photos / name / "0.png", folder / f"{name} é.png")
    both = (models / "1", models / "2", "--on", folder)
    done = compare(*both, "--require", "agreement >= 0.6", "--json")
    answer = found(done)
    assert (done.returncode, answer["labelled"], answer["metrics"]["agreement"]) == (0, False, pytest.approx(2 / 3))
    assert answer["metrics"]["accuracy"] == {"a": None, "b": None, "change": None}
    done = compare(*both)
    assert "accuracy" not in done.stdout
    assert "2 of 6 answers changed" in done.stdout
    done = compare(*both, *NO_WORSE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs labels" in done.stderr


def test_the_validation_part_is_used_where_there_is_one(
    compare: Run, models: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "set" / "train")
    shutil.copytree(photos / "red", tmp_path / "set" / "val" / "red")
    answer = found(compare(models / "1", models / "2", "--on", "set", "--json"))
    assert (answer["photos"], answer["metrics"]["agreement"]) == (4, 1)


def test_the_photos_that_a_training_sets_aside_are_used(compare: Run, models: Path, photos: Path) -> None:
    """A fifth of each class, at least one."""
    same = (models / "1", models / "1", "--on", photos, "--held-out")
    assert found(compare(*same, "--json"))["photos"] == 6
    assert found(compare(*same, "--valid-share", "0.5", "--seed", "3", "--json"))["photos"] == 12
    done = compare(models / "1", models / "1", "--on", photos, "--seed", "3")
    assert done.returncode == 2
    assert "'--seed': it has an effect only with --held-out, and is 3" in done.stderr


def test_labels_come_from_a_csv_file_or_from_names(compare: Run, models: Path, photos: Path, tmp_path: Path) -> None:
    lines = [f"{photos / name / '0.png'},{name}" for name in COLOURS]
    (tmp_path / "list.csv").write_text("\n".join(["path,label", *lines]))
    assert found(compare(models, models, "--on", "list.csv", "--json"))["photos"] == 6
    (tmp_path / "named").mkdir()
    for name in COLOURS:
        shutil.copyfile(photos / name / "1.png", tmp_path / "named" / f"{name}_1.png")
    both = (models / "1", models / "1", "--on", "named", "--pattern", "{colour}_*.png", "--json")
    assert found(compare(*both))["metrics"]["accuracy"]["b"] == 1


def test_photos_that_cannot_be_read_or_are_refused_are_listed(
    compare: Run, models: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "red" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "photos" / "red" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    done = compare(models / "1", models / "2", "--on", "photos", "--json")
    answer = found(done)
    assert (done.returncode, answer["photos"]) == (0, 24)
    assert {(Path(one["photo"]).name, one["by"]) for one in answer["refused"]} == {
        ("broken.jpg", str(models / "1")),
        ("broken.jpg", str(models / "2")),
    }


def test_a_label_that_no_model_knows_is_an_error_unless_ignored(
    compare: Run, models: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "red").rename(tmp_path / "photos" / "reds")
    both = (models / "1", models / "1", "--on", "photos")
    done = compare(*both)
    assert (done.returncode, done.stdout) == (2, "")
    assert "'reds' (4 photos; did you mean 'red'?)" in done.stderr
    answer = found(compare(*both, "--ignore-unknown", "--json"))
    assert (answer["photos"], answer["ignored_labels"]) == (20, {"reds": 4})


def test_the_page_is_written_even_if_a_requirement_fails(
    compare: Run, models: Path, photos: Path, tmp_path: Path
) -> None:
    done = compare(models / "1", models / "2", "--on", photos, *NO_WORSE, "--html", "page.html")
    assert done.returncode == 1
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg") == 8
    assert [one.name for one in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "Missing option '--on'"),
        (("--on", "nowhere"), "nowhere does not exist"),
        (("--on", "empty"), "empty"),
        (("--on", "photo.png"), "photo.png is a photo, but --on needs photos, in a folder for each class"),
        (("--on", "models"), "give both models as arguments"),
        (("--on", "photos", "--require", "accuracy"), "quotation marks"),
        (("--on", "photos", "--require", "acuracy >= 0"), "did you mean 'accuracy'?"),
        (("--on", "photos", "--html", "nowhere/page.html"), "the folder nowhere does not exist"),
        (("--on", "photos", "--html", "photos"), "is a folder: give a file in it"),
        (("--on", "photos", "--requires", "accuracy >= 0"), "did you mean --require?"),
    ],
)
def test_wrong_use_is_explained_with_exit_code_2(
    compare: Run, models: Path, photos: Path, tmp_path: Path, arguments: tuple[str, ...], error: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "photos").symlink_to(photos)
    (tmp_path / "models").symlink_to(models)
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png")
    done = compare("models/1", "models/2", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert error in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("nowhere", "nowhere does not exist"),
        ("photos", "photos contains no version"),
        ("http://127.0.0.1:9/v1/models/dog", "no connection to http://127.0.0.1:9"),
        ("http://127.0.0.1:9", "names no model"),
    ],
)
def test_a_model_that_cannot_be_opened_is_explained_with_exit_code_2(
    compare: Run, models: Path, photos: Path, tmp_path: Path, model: str, error: str
) -> None:
    (tmp_path / "photos").symlink_to(photos)
    done = compare(models / "1", model, "--on", photos)
    assert (done.returncode, done.stdout) == (2, "")
    assert error in done.stderr


def test_a_full_disk_is_reported_after_the_result(compare: Run, models: Path, photos: Path) -> None:
    done = compare(models / "1", models / "1", "--on", photos, "--html", "/dev/full")
    warning, error = done.stderr.splitlines()
    assert warning.startswith(f"warning: A and B are the same version, {models / '1'}: ")
    assert done.returncode == 2
    assert "Both models give every photo the same class" in done.stdout
    assert error == "error: --html /dev/full cannot be written: No space left on device"


def test_a_terminal_shows_how_many_photos_are_done(models: Path, photos: Path) -> None:
    words = [BIN / "lightship", "compare", models / "1", models / "1", "--on", photos]
    master, terminal = pty.openpty()
    environment = clean_environment(TERM="xterm")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=terminal, text=True, env=environment) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while piece := os.read(master, 4096):
                shown += piece
        os.close(master)
        assert process.stdout is not None
        assert "24 photos" in process.stdout.read()
    assert process.returncode == 0
    assert b"24/24" in shown


def test_an_interrupt_ends_it_with_130(models: Path, photos: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/models/dog"
        words = [BIN / "lightship", "compare", models / "1", url, "--on", photos]
        silent.settimeout(60)
        options = {"stderr": subprocess.PIPE, "text": True, "preexec_fn": heed_interrupts}
        with subprocess.Popen(words, env=clean_environment(), **options) as process, silent.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")
