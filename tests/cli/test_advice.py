"""Every command with every wrong kind of argument: the message says what was given, what is expected, what to do."""

from __future__ import annotations

import shutil
import sys
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from lightship.cli.argument_kinds import Kind, kind_of
from lightship.cli.running import run

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60


class Failure(NamedTuple):
    code: object
    error: str


Fail = Callable[..., Failure]


@pytest.fixture
def place(tmp_path: Path, half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one thing of each kind."""
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    (tmp_path / "unnamed").write_bytes(JPEG)
    (tmp_path / "m.keras").write_bytes(b"PK")
    (tmp_path / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3")
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "notes.bin").write_bytes(b"notes")
    (tmp_path / "empty").mkdir()
    (tmp_path / "of_folders" / "circle").mkdir(parents=True)
    (tmp_path / "of_folders" / "circle" / "one.JPG").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(JPEG)
    shutil.copytree(half_plus_two, tmp_path / "models" / "half")
    shutil.copytree(half_plus_two / "123", tmp_path / "saved")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fail(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fail:
    """Runs a command in this process that must fail, and returns its exit code and its one line on standard error."""
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # the command replaces it

    def failed(*words: str) -> Failure:
        monkeypatch.setattr(sys, "argv", ["lightship", *words])
        with pytest.raises(SystemExit) as ending:
            run()
        printed = capsys.readouterr()
        (line,) = printed.err.splitlines()
        assert line.startswith("error: ")
        return Failure(ending.value.code, line.removeprefix("error: "))

    return failed


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Kind.EMPTY),
        (" ", Kind.EMPTY),
        ("http://host", Kind.ADDRESS),
        ("grpc+unix:///run/x.sock", Kind.ADDRESS),
        ("host:8501", Kind.ADDRESS),
        ("host:8501/v1/models/dog", Kind.ADDRESS),
        ("photo.jpg", Kind.PHOTO),
        ("unnamed", Kind.PHOTO),
        ("m.keras", Kind.KERAS),
        ("m.tflite", Kind.TFLITE),
        ("classes.txt", Kind.CLASSES),
        ("notes.bin", Kind.FILE),
        ("saved/saved_model.pb", Kind.GRAPH),
        ("saved", Kind.SAVED_MODEL),
        ("models/half/123", Kind.VERSION),
        ("models/half", Kind.MODEL),
        ("models", Kind.MODELS),
        ("photos", Kind.PHOTOS),
        ("empty", Kind.FOLDER),
        ("missing", Kind.MISSING),
        ("a\0b", Kind.MISSING),
        ("x" * 5000, Kind.MISSING),
    ],
)
def test_the_kind_of_an_argument(place: Path, text: str, kind: Kind) -> None:
    assert kind_of(text) is kind


# What is certainly no folder of a model, with what the message says of it.
NO_FOLDERS = {
    "photo.jpg": ["photo.jpg is a photo", "lightship predict MODEL photo.jpg classifies it"],
    "m.keras": ["m.keras is a Keras file", "lightship export m.keras models/m"],
    "m.tflite": ["m.tflite is a model for LiteRT", "cp m.tflite models/m/1/model.tflite; then give models/m"],
    "classes.txt": ["classes.txt is a file of text", "lightship export MODEL FOLDER --classes classes.txt"],
    "notes.bin": ["notes.bin is a file"],
    "saved/saved_model.pb": ["is the graph of a SavedModel", "give its folder, saved"],
    "http://host:1": ["http://host:1 is a server's address", "lightship status http://host:1"],
    "http://host/v1/models/dog": ["is a server's address", "lightship status http://host/v1/models/dog"],
    "host:8501": ["host:8501 is a server's address", "lightship status host:8501"],
    "grpc://host:8500": ["is a server's address", "lightship status grpc://host:8500"],
    "missing.jpg": ["missing.jpg does not exist"],
}
COMMANDS: dict[str, list[str]] = {
    "inspect": ["inspect"],
    "verify": ["verify"],
    "serve": ["serve"],
    "docker start": ["docker", "start"],
    "docker build": ["docker", "build", "-t", "x"],
}


@pytest.mark.parametrize(("command", "given"), list(product(COMMANDS, NO_FOLDERS)))
def test_a_command_for_a_models_folder_names_the_right_one(fail: Fail, command: str, given: str) -> None:
    failure = fail(*COMMANDS[command], given)
    assert failure.code in (1, 2)
    assert f"lightship {command} needs a model's folder, such as models/dog" in failure.error
    for part in NO_FOLDERS[given]:
        assert part in failure.error


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_argument_is_reported(fail: Fail, command: str) -> None:
    failure = fail(*COMMANDS[command], "")
    assert "models/dog" in failure.error


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("missing", "missing does not exist"),
        ("models", "such as models/half"),
        ("saved", "mkdir saved/1"),
        ("photos", "lightship predict MODEL photos classifies them"),
        ("empty", "lightship export MODEL empty"),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_folder_without_a_version_is_explained(fail: Fail, command: str, given: str, part: str) -> None:
    assert part in fail(command, given).error


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("photo.jpg", ["photo.jpg is a photo", "lightship predict MODEL photo.jpg"]),
        ("m.keras", ["m.keras is a Keras file", "lightship export m.keras models/m"]),
        ("classes.txt", ["--classes classes.txt"]),
        ("notes.bin", ["notes.bin is a file", "http://notes.bin"]),
        ("saved", ["saved is the folder of a SavedModel"]),
        ("saved/saved_model.pb", ["give its folder, saved"]),
        (
            "models/half/123",
            ["is a version of a model", "lightship inspect models/half/123", "lightship serve models/half"],
        ),
        (
            "models/half",
            ["models/half is a model's folder", "lightship inspect models/half", "lightship serve models/half"],
        ),
        ("models", ["models is a folder of models", "lightship inspect models/half"]),
        ("empty", ["empty is a folder", "http://empty"]),
        ("photos", ["photos is a folder of photos"]),
        ("", ["an argument is empty"]),
        ("models/missing", ["models/missing is neither a file or folder here nor a server's address"]),
        ("./dog", ["./dog is neither"]),
        ("gone.jpg", ["gone.jpg does not exist"]),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["verify", "models/half", "--against"]], ids=["status", "against"])
def test_what_is_no_servers_address_is_reported(fail: Fail, command: list[str], given: str, parts: list[str]) -> None:
    failure = fail(*command, given)
    assert "such as http://127.0.0.1:8501" in failure.error
    for part in parts:
        assert part in failure.error


@pytest.mark.parametrize("command", [["status"], ["verify", "models/half", "--against"]], ids=["status", "against"])
@pytest.mark.parametrize("url", ["http://host/models/dog", "host:8501/models/dog", "http://host/v1/dog"])
def test_a_path_that_is_not_a_models_is_corrected(fail: Fail, command: list[str], url: str) -> None:
    failure = fail(*command, url)
    assert failure.error.startswith(
        f"{url} has another path than a model's, which is /v1/models/NAME: give http://host"
    )
    assert failure.error.endswith("/v1/models/dog")


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("photo.jpg", ["photo.jpg is a photo", "a model first", "lightship predict MODEL photo.jpg"]),
        ("unnamed", ["unnamed is a photo"]),
        ("m.keras", ["m.keras is a Keras file", "lightship export m.keras models/m"]),
        ("classes.txt", ["--classes classes.txt"]),
        ("notes.bin", ["notes.bin is a file", "a model first"]),
        ("saved/saved_model.pb", ["give its folder, saved"]),
        ("saved", ["mkdir saved/1"]),
        ("models", ["such as models/half"]),
        ("photos", ["photos is a folder of photos", "a model first"]),
        ("", ["an argument is empty", "a model first"]),
        ("missing", ["missing does not exist"]),
        ("missing.jpg", ["missing.jpg does not exist", "a model first"]),
        (
            "http://host:8501",
            ["names no model", "http://host:8501/v1/models/NAME", "lightship status http://host:8501"],
        ),
        ("host:8501", ["names no model", "http://host:8501/v1/models/NAME"]),
        ("grpc://host:8500", ["names no model: give grpc://host:8500/NAME"]),
        ("http://host/models/dog", ["give http://host/v1/models/dog"]),
        ("http://host/dog", ["give http://host/v1/models/dog"]),
        ("http://host/v1/models/dog/metadata", ["give http://host/v1/models/dog"]),
        ("http://host/a/v1/models/dog/3", ["give http://host/a/v1/models/dog/versions/3"]),
        ("http://host/models/dog:predict", ["give http://host/v1/models/dog"]),
        ("http://host/models/dog/labels/new", ["give http://host/v1/models/dog/labels/new"]),
        ("ftp://host/dog", ["ftp:// is not supported"]),
    ],
)
def test_what_cannot_be_asked_for_labels_is_reported(fail: Fail, given: str, parts: list[str]) -> None:
    failure = fail("predict", given, "photo.jpg")
    for part in parts:
        assert part in failure.error
    assert "dog/v1/" not in failure.error


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("models/half", ["models/half is a model's folder", "give the model once, before the photos"]),
        ("models", ["models is a folder of models", "photos after the model"]),
        ("m.keras", ["m.keras is a Keras file", "photos after the model"]),
        ("http://host/dog.jpg", ["curl -o photo.jpg http://host/dog.jpg"]),
        ("", ["an argument is empty"]),
        ("missing.jpg", ["missing.jpg does not exist: check the name"]),
        ("missing.keras", ["missing.keras does not exist, and lightship predict needs photos after the model"]),
        ("empty", ["empty is a folder without images: put .jpg"]),
        ("of_folders", ["its subfolders are not searched; give one of them, such as of_folders/circle"]),
    ],
)
def test_what_is_no_photo_is_reported(fail: Fail, given: str, parts: list[str]) -> None:
    failure = fail("predict", "http://127.0.0.1:9/v1/models/dog", given)
    assert failure.code == 1
    for part in parts:
        assert part in failure.error


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("photo.jpg", ["photo.jpg is a photo", "lightship predict MODEL photo.jpg"]),
        ("photos", ["photos is a folder of photos"]),
        ("classes.txt", ["--classes classes.txt"]),
        ("notes.bin", ["notes.bin is a file"]),
        ("saved/saved_model.pb", ["give its folder, saved"]),
        ("http://host:1", ["is a server's address", "lightship status http://host:1"]),
        ("host:8501", ["is a server's address"]),
        ("missing", ["missing does not exist"]),
        ("", ["an argument is empty"]),
    ],
)
def test_what_is_no_trained_model_is_reported_before_tensorflow_is_imported(
    fail: Fail, given: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    failure = fail("export", given, "models/new")
    assert "lightship export needs a trained model, which is a .keras or .h5 file" in failure.error
    for part in parts:
        assert part in failure.error


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("photo.jpg", ["photo.jpg is a photo"]),
        ("models/half/7", ["models/half/7 looks like a version", "give models/half, with --version 7"]),
        ("models/new/1", ["models/new/1 looks like a version", "give models/new, with --version 1"]),
        ("m.keras", ["m.keras is a Keras file", "lightship export m.keras FOLDER"]),
        ("classes.txt", ["--classes classes.txt"]),
        ("http://host:1", ["is a server's address"]),
        ("models/half/123", ["give models/half, with --version 123 --overwrite"]),
        ("models", ["models is a folder of models", "models/NAME"]),
        ("", ["an argument is empty"]),
    ],
)
def test_what_is_no_folder_to_export_into_is_reported(
    fail: Fail, given: str, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    failure = fail("export", "m.keras", given)
    assert "lightship export needs the model's own folder to write a version into" in failure.error
    for part in parts:
        assert part in failure.error


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("photo.jpg", "lightship predict MODEL photo.jpg"),
        ("m.keras", "lightship export m.keras models/m --classes CLASSES.txt --preprocess NAME"),
        ("models/half", "lightship serve models/half"),
        ("models/half/123", "lightship serve models/half serves it"),
        ("models", "lightship inspect models/half"),
        ("http://host:8501", "lightship status http://host:8501"),
    ],
)
def test_an_argument_without_a_command_names_one(fail: Fail, given: str, part: str) -> None:
    failure = fail(given)
    assert failure.code == 2
    assert "but lightship needs a command first" in failure.error
    assert part in failure.error


def test_a_typo_in_a_command_is_no_argument(fail: Fail) -> None:
    assert "No such command 'serv'" in fail("serv").error


def test_paths_are_quoted_for_the_shell(fail: Fail, place: Path) -> None:
    (place / "my photo.jpg").write_bytes(JPEG)
    assert "lightship predict MODEL 'my photo.jpg'" in fail("inspect", "my photo.jpg").error


@pytest.mark.parametrize("given", ["models", "all=models"])
def test_a_folder_of_models_is_not_served(fail: Fail, given: str) -> None:
    failure = fail("serve", given)
    assert failure.code == 1
    assert "models is a folder of models, not a model's folder; it contains half" in failure.error
    assert "give one or more of them, such as lightship serve models/half" in failure.error


def test_a_named_model_is_checked_by_its_path(fail: Fail) -> None:
    assert "photo.jpg is a photo" in fail("serve", "dog=photo.jpg").error


@pytest.mark.parametrize("command", ["serve", "inspect", "predict", "verify"])
def test_a_model_that_does_not_exist_is_explained_by_those_nearby(fail: Fail, command: str) -> None:
    rest = {"predict": ["photo.jpg"], "verify": ["--against", "http://127.0.0.1:1"]}.get(command, [])
    failure = 2 if command == "verify" else 1  # 1 means that answers differ
    code, error = fail(command, "models/halv", *rest)
    assert (code, error) == (failure, "models/halv does not exist: did you mean models/half?")
    code, error = fail(command, "models/half/7", *rest)
    needed = "; lightship serve needs the model's folder" if command == "serve" else ""
    assert (code, error) == (failure, f"models/half has no version 7: it has 123{needed}")


def test_two_models_of_one_name_are_refused_with_what_to_type(fail: Fail) -> None:
    _, error = fail("serve", "models/half", "models/half")
    assert error == 'two models are called "half": give one of them another name, as in other=models/half'
