"""PhotoSamples to labels by command, from a server and from a folder."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import BIN, Run, clean_environment, heed_interrupts
from tests.client.conftest import FakeServer, ReceivedRequest, Reply


@pytest.fixture
def url(fake_server: FakeServer) -> str:
    """A model that tells the size of a photo, and refuses one that is called small."""

    def answer(request: ReceivedRequest) -> Reply:
        if len(request.body) < 1000:
            return Reply(400, {"error": "the image is truncated"})
        top = int(request.path.partition("?top=")[2])
        body = {"predictions": [{"labels": ["large", "small"][:top], "scores": [0.75, 0.25][:top]}]}
        return Reply(body=body, headers={"Lightship-Model-Version": "3"})

    fake_server.answer = answer
    return f"{fake_server.url}/v1/models/dog"


@pytest.fixture
def folder(tmp_path: Path, dog_photo: Path) -> Path:
    """b.jpg and A.JPG are photos, broken.png is none, notes.txt is not meant to be one."""
    (tmp_path / "photos").mkdir()
    for name in ("b.jpg", "A.JPG"):
        shutil.copyfile(dog_photo, tmp_path / "photos" / name)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no image")
    (tmp_path / "photos" / "notes.txt").write_text("notes")
    return tmp_path / "photos"


def objects(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_a_table_of_labels_is_printed(lightship: Run, url: str, dog_photo: Path) -> None:
    done = lightship("predict", url, dog_photo)
    title, *rows = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert title.strip() == str(dog_photo)
    assert [row.split() for row in rows] == [["large", "0.750"], ["small", "0.250"]]


def test_json_is_one_object_a_photo(lightship: Run, url: str, folder: Path) -> None:
    done = lightship("predict", url, "photos/b.jpg", folder / "A.JPG", "--top", 1, "--json")
    first, second = objects(done.stdout)
    expected = {"photo": "photos/b.jpg", "labels": ["large"], "scores": [0.75], "model": "dog", "version": 3}
    assert first == expected
    assert second["photo"] == str(folder / "A.JPG")


def test_a_folder_gives_its_images_in_order_and_the_others_go_on(lightship: Run, url: str, folder: Path) -> None:
    shutil.copytree(folder, folder / "more")
    done = lightship("predict", url, "photos", "--json")
    assert done.returncode == 1
    assert [one["photo"] for one in objects(done.stdout)] == ["photos/A.JPG", "photos/b.jpg"]
    warning, error = sorted(done.stderr.splitlines(), reverse=True)
    assert warning.endswith("in folders of photos, such as photos/more, are left out: give these folders too")
    assert error.startswith("error: photos/broken.png: the image is not JPEG")


def test_standard_input_is_a_photo(lightship: Run, url: str, dog_photo: Path) -> None:
    with dog_photo.open("rb") as photo:
        done = lightship("predict", url, "-", "--json", stdin=photo)
    assert objects(done.stdout)[0]["photo"] == "-"


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        ("missing.jpg", "error: missing.jpg does not exist"),
        ("empty", "error: empty is a folder without images"),
    ],
)
def test_what_is_not_there_is_named(lightship: Run, url: str, tmp_path: Path, photo: str, error: str) -> None:
    (tmp_path / "empty").mkdir()
    done = lightship("predict", url, photo)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(error)


def test_a_server_that_is_not_there_ends_it_at_once(lightship: Run, folder: Path) -> None:
    done = lightship("predict", "http://127.0.0.1:9/v1/models/dog", "photos")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no connection to http://127.0.0.1:9")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("target", ["versions/12", "labels/stable"])
def test_a_version_or_label_in_the_url_is_asked(
    lightship: Run, url: str, fake_server: FakeServer, dog_photo: Path, target: str
) -> None:
    lightship("predict", f"{url}/{target}", dog_photo)
    assert fake_server.received[0].path.startswith(f"/v1/models/dog/{target}:predict")


def test_a_url_without_a_model_says_what_to_add(lightship: Run, dog_photo: Path) -> None:
    done = lightship("predict", "http://127.0.0.1:8501", dog_photo)
    assert done.returncode == 1
    assert "http://127.0.0.1:8501/v1/models/NAME" in done.stderr


def test_options_come_from_the_environment(lightship: Run, url: str, dog_photo: Path) -> None:
    done = lightship("predict", url, dog_photo, "--json", env={"LIGHTSHIP_TOP": "1"})
    assert objects(done.stdout)[0]["labels"] == ["large"]


def test_a_folder_answers_without_a_server(lightship: Run, dog_bundle: Path, dog_photo: Path) -> None:
    done = lightship("predict", dog_bundle, dog_photo, "--top", 1, "--json")
    (answer,) = objects(done.stdout)
    assert (answer["labels"], answer["model"], answer["version"]) == (["bull_mastiff"], "dog", 1)
    assert answer["scores"][0] == pytest.approx(0.997, abs=0.001)


def test_a_version_folder_answers_without_a_server(lightship: Run, dog_bundle: Path, dog_photo: Path) -> None:
    done = lightship("predict", dog_bundle / "1", dog_photo, "--top", 1)
    assert done.stdout.split()[1:] == ["bull_mastiff", "0.997"]


def test_a_folder_that_is_no_model_is_explained(lightship: Run, folder: Path, dog_photo: Path) -> None:
    done = lightship("predict", "photos", dog_photo)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "photos" in done.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly(url: str, folder: Path) -> None:
    words = f"{BIN}/lightship predict {url} {' '.join([str(folder / 'b.jpg')] * 300)} --json"
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=120,
        env=clean_environment(),
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("photos", [1, 50])
def test_an_interrupt_ends_it_at_once_and_without_a_traceback(dog_photo: Path, photos: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/models/dog"
        words = [BIN / "lightship", "predict", url, *[dog_photo] * photos, "--timeout", "600"]
        options = {"stderr": subprocess.PIPE, "text": True, "env": clean_environment(), "preexec_fn": heed_interrupts}
        with subprocess.Popen(words, **options) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30)[1] == ""
            connection.close()
    assert process.returncode == 130


@pytest.mark.parametrize("concurrency", [1, 4])
def test_as_many_photos_as_asked_for_are_sent_at_the_same_time_and_printed_in_order(
    lightship: Run, fake_server: FakeServer, tmp_path: Path, concurrency: int
) -> None:
    """Each answer waits until as many photos have come."""
    together = threading.Barrier(concurrency)

    def answer(request: ReceivedRequest) -> Reply:
        together.wait(30)
        label = str(len(request.body))
        return Reply(body={"predictions": [{"labels": [label], "scores": [1.0]}]})

    fake_server.answer = answer
    for number in range(8):
        (tmp_path / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes(number))
    names = [f"{number}.jpg" for number in range(8)]
    url = f"{fake_server.url}/v1/models/dog"
    done = lightship("predict", url, *names, "--json", env={"LIGHTSHIP_CONCURRENCY": str(concurrency)})
    assert [(one["photo"], one["labels"]) for one in objects(done.stdout)] == [
        (name, [str(3 + number)]) for number, name in enumerate(names)
    ]
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("concurrency", ["0", "65", "many"])
def test_a_concurrency_that_is_out_of_range_is_a_usage_error(
    lightship: Run, url: str, dog_photo: Path, concurrency: str
) -> None:
    done = lightship("predict", url, dog_photo, "--concurrency", concurrency)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--concurrency" in done.stderr
