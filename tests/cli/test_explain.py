"""Heat maps by command, from a server and from a folder, and the check of explanations."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.cli.conftest import BIN, Run, clean_environment
from tests.client.conftest import FakeServer, ReceivedRequest, Reply
from tests.client.test_explain_image import BYTES, EXPLAINED, FLOATS, TensorFlowServing, png

DOCUMENT = {"method": "cam", "layer": "out_relu", "model": "m"}
MAP = EXPLAINED["map"]


@pytest.fixture
def url(fake_server: FakeServer) -> str:
    """A model that explains the class that it is asked for, else the value of the photo's pixels, and refuses 7."""

    def answer(request: ReceivedRequest) -> Reply:
        value = int(np.asarray(Image.open(io.BytesIO(request.body)))[0, 0, 0])
        if value == 7:
            return Reply(400, {"error": "the image is truncated"})
        query = parse_qs(urlsplit(request.path).query)
        label = query.get("class", [f"value {value}"])[0]
        method = query.get("method", ["cam"])[0]
        body = {**DOCUMENT, "method": method, "explanations": [{**EXPLAINED, "label": label}]}
        return Reply(body=body, headers={"Lightship-Model-Version": "7"})

    fake_server.answer = answer
    return f"{fake_server.url}/v1/models/m"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for value in (1, 2):
        (folder / f"{value}.png").write_bytes(png(value))
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("notes")
    return folder


def objects(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_a_long_path_is_printed_whole(lightship: Run, url: str, photos: Path) -> None:
    """Also on a pipe, which has 80 columns."""
    path = f"{'a-long-name-' * 8}.png"
    done = lightship("explain", url, "photos/1.png", "-o", path)
    (row,) = done.stdout.splitlines()[1:]
    assert row.split()[3:] == ["cam", "at", "out_relu,", "peak", "at", "62%", "25%", path]


def test_a_photo_is_written_with_its_heat_map(lightship: Run, url: str, photos: Path, tmp_path: Path) -> None:
    done = lightship("explain", url, "photos/1.png", "-o", "heat.png")
    assert (done.returncode, done.stderr) == (0, "")
    title, row = done.stdout.splitlines()
    assert title.strip() == "photos/1.png"
    assert row.split() == ["value", "1", "0.750", "cam", "at", "out_relu,", "peak", "at", "62%", "25%", "heat.png"]
    with Image.open(tmp_path / "heat.png") as picture:
        assert picture.size == (30, 20)


def test_nothing_is_written_unless_asked_for(lightship: Run, url: str, photos: Path, tmp_path: Path) -> None:
    assert lightship("explain", url, "photos/1.png").returncode == 0
    assert [one.name for one in tmp_path.iterdir()] == ["photos"]


def test_json_has_the_map(lightship: Run, url: str, photos: Path) -> None:
    (fields,) = objects(lightship("explain", url, "photos/1.png", "--json").stdout)
    assert fields == {
        "photo": "photos/1.png",
        "label": "value 1",
        "class_index": 1,
        "score": 0.75,
        "logit": 2.5,
        "method": "cam",
        "layer": "out_relu",
        "peak": [0.625, 0.25],
        "map": MAP,
        "model": "m",
        "version": 7,
        "file": None,
    }


def test_the_map_alone_is_written(lightship: Run, url: str, photos: Path, tmp_path: Path) -> None:
    lightship("explain", url, "photos/1.png", "-o", "map.npy")
    assert np.load(tmp_path / "map.npy").tolist() == MAP


def test_a_folder_of_photos_is_explained_in_order_and_one_that_fails_is_named(
    lightship: Run, url: str, photos: Path, tmp_path: Path
) -> None:
    done = lightship("explain", url, "photos", "-o", "out/heat", "--json")
    assert done.returncode == 1
    assert [one["file"] for one in objects(done.stdout)] == ["out/heat/1.png", "out/heat/2.png"]
    assert done.stderr.startswith("error: photos/broken.jpg: the image is not JPEG")
    assert sorted(one.name for one in (tmp_path / "out" / "heat").iterdir()) == ["1.png", "2.png"]


def test_several_classes_of_several_photos_get_files_of_their_own(
    lightship: Run, url: str, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "1.png").write_bytes(png(3))
    classes = ("--class", "../../etc/x", "--class", "Saint Bernard")
    done = lightship("explain", url, "photos/1.png", "1.png", *classes, "-o", "out", "--method", "grad-cam")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "1-.._.._etc_x-2.png",
        "1-.._.._etc_x.png",
        "1-Saint_Bernard-2.png",
        "1-Saint_Bernard.png",
    ]


def test_standard_input_is_a_photo(lightship: Run, url: str, photos: Path) -> None:
    with (photos / "1.png").open("rb") as photo:
        done = lightship("explain", url, "-", "--json", "-o", "x.jpg", stdin=photo)
    assert [(one["photo"], one["file"]) for one in objects(done.stdout)] == [("-", "x.jpg")]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["photos", "-o", "heat.png"],
            "heat.png is one file, but there can be several heat maps: give a folder for -o",
        ),
        (["photos/1.png", "-o", "heat.pgn"], "heat.pgn ends in '.pgn' (did you mean .png?): give a name"),
        (["photos/1.png", "-o", "heat"], "heat has no file ending"),
        (["photos/1.png", "-o", ""], "-o is empty"),
        (["photos", "-o", "photos/notes.txt/x"], "cannot be made"),
        (["photos/1.png", "--colormap", "vridis"], "vridis"),
        (["photos/missing.jpg"], "photos/missing.jpg does not exist: check the name"),
        (["empty"], "empty is a folder without images"),
    ],
)
def test_what_cannot_be_is_explained(
    lightship: Run, url: str, photos: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = lightship("explain", url, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert text in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give photos after the model"),
        (["photos/1.png", "--alpha", "2"], "--alpha"),
        (["photos/1.png", "--budget", "5"], "--budget has an effect only with --method rise"),
        (["photos/1.png", "--budget-seconds", "5"], "--budget-seconds has an effect only with --method rise"),
        (["photos/1.png", "--margin", "0.1"], "--margin has an effect only with --check"),
        (["photos/1.png", "--check", "photos"], "--check takes the photos of its folder: leave out photos/1.png"),
        (["--check", "photos", "--alpha", "0.5"], "--alpha has no effect with --check"),
        (["--check", "photos", "--class", "a", "--class", "b"], "--class can be given only once with --check"),
        (["photos/1.png", "--methd", "cam"], "did you mean --method"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(
    lightship: Run, url: str, photos: Path, arguments: list[str], text: str
) -> None:
    done = lightship("explain", url, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert text in done.stderr


def test_photo_and_model_in_the_wrong_order_are_explained(lightship: Run, url: str, photos: Path) -> None:
    done = lightship("explain", "photos/1.png", url)
    assert done.returncode == 1
    assert "photos/1.png is a photo, but lightship explain needs a model first" in done.stderr
    assert "lightship explain MODEL photos/1.png" in done.stderr


def test_a_server_that_is_not_there_ends_it_at_once(lightship: Run, photos: Path) -> None:
    done = lightship("explain", "http://127.0.0.1:9/v1/models/m", "photos")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: no connection to http://127.0.0.1:9")


def test_a_model_without_explanations_gets_the_option_that_works(
    lightship: Run, fake_server: FakeServer, photos: Path
) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS, image_bytes=BYTES)
    url = f"{fake_server.url}/v1/models/m"
    done = lightship("explain", url, "photos/1.png")
    assert done.returncode == 1
    assert "has no explanations" in done.stderr
    assert "--method rise" in done.stderr
    again = lightship("explain", url, "photos/1.png", "--method", "rise", "--budget", 64, "--json", "--class", "dog")
    (fields,) = objects(again.stdout)
    assert (fields["label"], fields["method"], np.shape(fields["map"])) == ("dog", "rise", (20, 30))


def test_a_terminal_shows_how_far_rise_is(fake_server: FakeServer, photos: Path) -> None:
    fake_server.answer = TensorFlowServing(serving_default=FLOATS, image_bytes=BYTES)
    words = [BIN / "lightship", "explain", f"{fake_server.url}/v1/models/m", photos / "1.png", "--method", "rise"]
    master, terminal = pty.openpty()
    with subprocess.Popen(
        [*words, "--budget", "96"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env=clean_environment(TERM="xterm"),
    ) as process:
        os.close(terminal)
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        assert process.stdout is not None
        assert "rise" in process.stdout.read()
    assert process.returncode == 0
    assert b"96/96" in shown


def test_a_check_on_a_server_compares_with_random_maps(lightship: Run, fake_server: FakeServer, photos: Path) -> None:
    """The model looks at the left half of a photo, and its map says so; a copy with random weights needs a folder."""
    fake_server.answer = left_half(explained_right=False)
    for value in (1, 2):
        (photos / f"{value}.png").write_bytes(checkered())
    url = f"{fake_server.url}/v1/models/m"
    done = lightship("explain", url, "--check", "photos", "-o", "plot.svg", "--random-maps", 6, "--class", "dog")
    assert "photos/broken.jpg is left out" in done.stderr
    assert "Deletion: passed" in done.stdout
    assert "Insertion: passed" in done.stdout
    assert "Weights: not checked, because the weights of a model on a server cannot be changed" in done.stdout
    assert done.returncode == 0
    assert (photos.parent / "plot.svg").read_text().startswith("<svg")


def test_a_check_of_wrong_maps_fails(lightship: Run, fake_server: FakeServer, photos: Path) -> None:
    fake_server.answer = left_half(explained_right=True)
    (photos / "1.png").write_bytes(checkered())
    url = f"{fake_server.url}/v1/models/m"
    options = ("--random-maps", 6, "--class", "dog", "--max-photos", 1, "--json")
    done = lightship("explain", url, "--check", "photos", *options)
    assert "--max-photos takes more" in done.stderr
    (fields,) = objects(done.stdout)
    assert (fields["passed"], done.returncode) == (False, 1)
    assert fields["deletion_gain"] < 0
    assert fields["insertion_gain"] < 0


@pytest.mark.parametrize(
    ("folder", "options", "text"),
    [
        ("empty", [], "empty is a folder without images"),
        ("missing", [], "missing does not exist, and --check needs a folder of photos"),
        ("photos/1.png", [], "photos/1.png is a photo, but --check needs a folder of photos: give its folder, photos"),
        ("photos", ["-o", "plot.pdf"], "give a name that ends in .svg"),
        ("bad", [], "bad has no photo that can be read"),
    ],
)
def test_a_check_that_cannot_be_made_has_a_code_of_its_own(
    lightship: Run, url: str, photos: Path, tmp_path: Path, folder: str, options: list[str], text: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(png(1)[:60])
    done = lightship("explain", url, "--check", folder, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


class Details(TensorFlowServing):
    """The class dog is how much detail the left half of a photo has."""

    @staticmethod
    def scores(images: NDArray[Any]) -> list[list[float]]:
        return [[0.0, float(2 * one[:, : one.shape[1] // 2].std()), 0.0] for one in images]


def checkered() -> bytes:
    pixels = np.indices((20, 30)).sum(axis=0) % 2 * 250
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(pixels[..., np.newaxis], 3, axis=2).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def left_half(*, explained_right: bool) -> Callable[[ReceivedRequest], Reply]:
    """A Lightship server of the model of `Details`, with a map of its left or its right half."""
    predict = Details(serving_default=FLOATS, image_bytes=BYTES)
    halves = [[0.0, 0.0, 1.0, 1.0]] * 4 if explained_right else [[1.0, 1.0, 0.0, 0.0]] * 4
    explained = {**EXPLAINED, "map": halves, "region": [0, 0, 1, 1]}

    def answer(request: ReceivedRequest) -> Reply:
        if ":explain" in request.path:
            return Reply(body={**DOCUMENT, "explanations": [explained]}, headers={"Lightship-Model-Version": "7"})
        return predict(request)

    return answer


def test_a_folder_explains_without_a_server(lightship: Run, dog_bundle: Path, dog_photo: Path, tmp_path: Path) -> None:
    done = lightship("explain", dog_bundle, dog_photo, "-o", "heat.png", "--json")
    (fields,) = objects(done.stdout)
    assert (fields["label"], fields["method"], fields["layer"]) == ("bull_mastiff", "cam", "out_relu")
    assert np.shape(fields["map"]) == (5, 5)
    with Image.open(tmp_path / "heat.png") as picture, Image.open(dog_photo) as photo:
        assert picture.size == photo.size


@pytest.mark.slow
def test_the_explanations_of_the_demo_pass_the_check(
    lightship: Run, dog_bundle: Path, dog_photo: Path, tmp_path: Path, no_tensorflow: dict[str, str]
) -> None:
    """Also that of the weights, which needs no TensorFlow."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "dog.jpg").write_bytes(dog_photo.read_bytes())
    done = lightship("explain", dog_bundle, "--check", "photos", "--json", env=no_tensorflow, timeout=600)
    (fields,) = objects(done.stdout)
    assert (fields["passed"], done.returncode) == (True, 0)
    assert fields["deletion_gain"] > 0.1
    assert fields["insertion_gain"] > 0.1
    assert abs(fields["weights"]["correlation"]) < 0.5
