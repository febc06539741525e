"""`lightship serve` as a user sees it: what it prints, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run, Start
from tests.quiz_models import JPEG, with_labels

from lightship.bundle.bundle import open_bundle
from lightship.bundle.missing_image import tensors_only
from lightship.cli.banner import AnnouncedModel, _print_banner


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.stderr and process.stderr.read()
    return dict(json.loads(line))


def pasted(line: str, folder: Path) -> Any:
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def banner(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Press Ctrl-C"):
            break
    return "".join(lines)


def test_the_banner_names_each_model_and_its_curl_lines_work(
    start: Start, dog_bundle: Path, half_plus_two: Path, dog_photo: Path, tmp_path: Path
) -> None:
    shutil.copyfile(dog_photo, tmp_path / "my dog.jpg")
    printed = banner(start(dog_bundle, f"toy={half_plus_two}", "--rest-port", "auto"))
    curls = [line.strip() for line in printed.splitlines() if line.strip().startswith("curl")]
    assert "dog" in printed
    assert "version 123  openvino  http://127.0.0.1:" in printed
    assert re.search(r"Try the models in a browser: http://127.0.0.1:\d+/docs\n", printed)
    answers = [pasted(line.replace("curl", "curl -s", 1), tmp_path) for line in curls]
    assert answers[0]["predictions"][0]["labels"][0] == "bull_mastiff"
    assert answers[1] == {"predictions": [[2.5]]}


def test_the_banner_says_that_photos_are_refused(dog_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = (one.parent for one in dog_bundle.glob("*/saved_model.pb"))
    bundle = open_bundle(path, "dog", int(path.name), verify=False)
    assert tensors_only(bundle) == ""
    note = tensors_only(replace(bundle, image=None))
    _print_banner("", "", [AnnouncedModel("dog", 1, "openvino", "http://h", "curl x", note)])
    printed = capsys.readouterr().out
    assert "  curl x\n  takes tensors only, no photos: exported without --preprocess\n" in printed


def test_json_is_one_line_with_the_ports(start: Start, half_plus_two: Path) -> None:
    line = ready(start(half_plus_two, "--rest-port", "auto", "--json"))
    assert line["ready"] is True
    assert line["url"] == f"http://127.0.0.1:{line['rest_port']}"
    assert line["docs"] == f"{line['url']}/docs"
    assert line["grpc_port"] not in (0, line["rest_port"])
    (model,) = line["models"]
    assert (model["name"], model["version"], model["engine"]) == ("half_plus_two", 123, "openvino")
    assert model["url"] == f"{line['url']}/v1/models/half_plus_two"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_success(start: Start, half_plus_two: Path, number: signal.Signals) -> None:
    process = start(half_plus_two, "--rest-port", "auto", "--json")
    ready(process)
    process.send_signal(number)
    assert process.wait(30) == 0
    assert "Traceback" not in process.stderr.read() if process.stderr else False


def test_options_come_from_the_environment(start: Start, half_plus_two: Path) -> None:
    env = {"LIGHTSHIP_MODELS": str(half_plus_two), "LIGHTSHIP_REST_PORT": "auto", "LIGHTSHIP_JSON": "1"}
    assert ready(start(env=env))["models"][0]["name"] == "half_plus_two"


def test_an_address_for_everybody_is_shown_as_one_that_works(start: Start, half_plus_two: Path) -> None:
    line = ready(start(half_plus_two, "--host", "0.0.0.0", "--rest-port", "auto", "--json"))
    assert line["url"].startswith("http://127.0.0.1:")
    assert pasted(line["models"][0]["example"].replace("curl", "curl -s", 1), half_plus_two) == {"predictions": [[2.5]]}


def test_grpc_can_be_alone_or_off(start: Start, half_plus_two: Path) -> None:
    alone = ready(start(half_plus_two, "--rest-port", "0", "--grpc-port", "auto", "--json"))
    assert (alone["url"], alone["docs"], alone["rest_port"], alone["grpc_port"] > 0) == ("", "", 0, True)
    assert alone["models"][0]["name"] == "half_plus_two"
    off = ready(start(half_plus_two, "--rest-port", "auto", "--grpc-port", "0", "--json"))
    assert off["grpc_port"] == 0


def test_a_grpc_port_that_is_taken_is_said_with_its_option(lightship: Run, half_plus_two: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lightship("serve", half_plus_two, "--rest-port", "auto", "--grpc-port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: port {port} is in use on 127.0.0.1; choose another with --grpc-port")


def test_a_port_that_is_taken_is_one_line(lightship: Run, half_plus_two: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lightship("serve", half_plus_two, "--rest-port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"error: port {port} is in use on 127.0.0.1; choose another with --rest-port, or 'auto'\n")


@pytest.mark.parametrize("port", ["x", "-1", "70000"])
def test_a_port_that_is_none_is_a_usage_error(lightship: Run, half_plus_two: Path, port: str) -> None:
    done = lightship("serve", half_plus_two, f"--rest-port={port}")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "auto" in done.stderr


def test_a_folder_that_is_not_there_is_one_line(lightship: Run) -> None:
    done = lightship("serve", "models/nothing", "--rest-port", "auto")
    assert (done.returncode, done.stdout) == (1, "")
    assert "models/nothing" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_model_that_cannot_be_loaded_is_named_and_the_others_serve(
    start: Start, dog_bundle: Path, half_plus_two: Path, tmp_path: Path
) -> None:
    shutil.copytree(dog_bundle, tmp_path / "broken")
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"\xff")
    line = ready(start("broken", half_plus_two, "--rest-port", "auto", "--json"))
    assert line["ready"] is False
    assert [model["name"] for model in line["models"]] == ["half_plus_two"]
    assert "saved_model.pb" in line["not_ready"]["broken"]


@pytest.mark.parametrize("option", ["--head-timeout", "--linger-timeout", "--max-head-bytes", "--max-pipelined"])
def test_limits_and_timeouts_must_be_more_than_nothing(lightship: Run, half_plus_two: Path, option: str) -> None:
    done = lightship("serve", half_plus_two, option, "0")
    assert done.returncode != 0
    assert "give a number that is more than 0" in done.stderr


def test_limits_and_timeouts_reach_the_server(start: Start, half_plus_two: Path) -> None:
    line = ready(
        start(half_plus_two, "--rest-port", "auto", "--json", "--max-head-bytes", "2000", "--idle-timeout", "0.05")
    )
    with socket.create_connection(("127.0.0.1", line["rest_port"]), timeout=60) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"".join(iter(lambda: client.recv(4096), b"")).startswith(b"HTTP/1.1 200 OK")
    with socket.create_connection(("127.0.0.1", line["rest_port"]), timeout=60) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nX: " + b"x" * 3000)
        assert client.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_the_memory_budget_is_an_option(start: Start, half_plus_two: Path) -> None:
    line = ready(start(half_plus_two, "--rest-port", "auto", "--json", "--memory-budget", "512MB"))
    with socket.create_connection(("127.0.0.1", line["rest_port"]), timeout=60) as client:
        head = b"POST /v1/models/half_plus_two:predict HTTP/1.1\r\nHost: localhost\r\n"
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % (513 << 20))
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"memory budget of all requests is 536870912 bytes" in answer


@pytest.mark.parametrize(
    ("size", "text"), [("much", "'--memory-budget': 'much' is not a size"), ("1", "at least 16777216")]
)
def test_a_memory_budget_that_cannot_be_is_named(lightship: Run, half_plus_two: Path, size: str, text: str) -> None:
    done = lightship("serve", half_plus_two, "--memory-budget", size)
    assert done.returncode != 0
    assert text in " ".join(done.stderr.split())


@pytest.mark.parametrize("words", [("one.example,two.example",), ("one.example", "--allowed-hosts", "two.example")])
def test_names_can_be_allowed_in_one_option_or_several(
    start: Start, half_plus_two: Path, words: tuple[str, ...]
) -> None:
    line = ready(start(half_plus_two, "--rest-port", "auto", "--json", "--allowed-hosts", *words))
    answers = {}
    for name in ("one.example", "two.example", "localhost", "three.example"):
        with socket.create_connection(("127.0.0.1", line["rest_port"]), timeout=60) as client:
            client.sendall(f"GET /livez HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            answers[name] = client.recv(4096)[9:12].decode()
    assert answers == {"one.example": "200", "two.example": "200", "localhost": "200", "three.example": "421"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--allowed-hosts", "http://one.example"), "is not a host's name"),
        (("--max-connections", "-1"), "--max-connections"),
        (("--max-queue-seconds", "soon"), "--max-queue-seconds"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    lightship: Run, half_plus_two: Path, words: tuple[str, ...], told: str
) -> None:
    done = lightship("serve", half_plus_two, *words)
    assert done.returncode != 0
    assert told in done.stderr


def broken_warm_up(model: Path, folder: Path) -> Path:
    """A copy of a model that is loaded, and then fails at its warm-up file."""
    broken = Path(shutil.copytree(model, folder / "broken"))
    (extra := broken / "123" / "assets.extra").mkdir()
    (extra / "tf_serving_warmup_requests").write_bytes(b"this is not a TFRecord file")
    return broken


def failed_attempts(url: str) -> int:
    text = urllib.request.urlopen(f"{url}/metrics", timeout=30).read().decode()
    return sum(int(float(value)) for value in re.findall(r'load_attempt_count\{.*"fail".*\} (\S+)', text))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_version_that_fails_again_and_again_is_logged_once(
    start: Start, half_plus_two: Path, tmp_path: Path, workers: str
) -> None:
    broken = broken_warm_up(half_plus_two, tmp_path)
    process = start(broken, half_plus_two, "--rest-port", "auto", "--json", "--workers", workers)
    line = ready(process)
    assert "warmup" in line["not_ready"]["broken"]
    deadline = time.monotonic() + 120
    while failed_attempts(line["url"]) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=60)
    said = [json.loads(one)["message"] for one in log.splitlines()]
    about = [one for one in said if "{name: broken version: 123}" in one]
    assert len(about) == 1
    assert about[0].startswith("{name: broken version: 123} cannot be loaded: ")
    # each process loads each model once
    assert said.count('signature "serving_default" runs on openvino') <= 2 * int(workers)


@pytest.mark.parametrize("json_too", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_strict_announces_nothing_if_a_model_fails(
    lightship: Run, half_plus_two: Path, tmp_path: Path, json_too: list[str], workers: str
) -> None:
    broken = broken_warm_up(half_plus_two, tmp_path)
    done = lightship("serve", broken, half_plus_two, "--rest-port", "auto", "--strict", "--workers", workers, *json_too)
    assert (done.returncode, done.stdout) == (1, "")
    assert "broken cannot be served: version 123: " in done.stderr.splitlines()[-1]
    assert "model broken is not available" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_strict_ends_if_none_of_the_wanted_versions_is_there(
    lightship: Run, half_plus_two: Path, tmp_path: Path, workers: str
) -> None:
    (tmp_path / "a.toml").write_text(f'[models.half]\npath = "{half_plus_two}"\nversions = [5]\n')
    done = lightship("serve", "--config", "a.toml", "--rest-port", "auto", "--strict", "--workers", workers)
    assert (done.returncode, done.stdout) == (1, "")
    assert "half cannot be served: Version 5 of servable half" in done.stderr.splitlines()[-1]


def test_strict_announces_a_server_whose_models_all_answer(start: Start, half_plus_two: Path) -> None:
    line = ready(start(half_plus_two, f"other={half_plus_two}", "--rest-port", "auto", "--strict", "--json"))
    assert (line["ready"], len(line["models"]), line["not_ready"]) == (True, 2, {})
    answer = pasted(line["models"][1]["example"].replace("curl", "curl -s", 1), half_plus_two)
    assert answer == {"predictions": [[2.5]]}


def test_the_banner_leads_to_the_page_of_photos_and_the_game(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    model = with_labels(half_plus_two, tmp_path / "models" / "my dog", ["pug", "beagle"])
    (tmp_path / "quiz").mkdir()
    (tmp_path / "quiz" / "pug 1.jpg").write_bytes(JPEG)
    printed = banner(start(model, half_plus_two, "--rest-port", "auto", "--quiz", tmp_path / "quiz"))
    assert re.search(r"\n  See what they see in a photo: http://127.0.0.1:\d+/ui\n", printed)
    (game,) = re.findall(r"\n  Play against (.*)\n", printed)
    assert re.fullmatch(r"my dog: http://127.0.0.1:\d+/ui/my%20dog/quiz", game)
    assert urllib.request.urlopen(game.partition(": ")[2]).status == 200
    line = ready(start(half_plus_two, model, "--rest-port", "auto", "--quiz", tmp_path / "quiz", "--json"))
    assert line["ui"] == f"{line['url']}/ui"
    assert [(one["photos"], one["quiz"]) for one in line["models"]] == [
        (False, ""),
        (True, f"{line['url']}/ui/my%20dog/quiz"),
    ]


def test_a_game_without_photos_is_a_warning_and_a_wrong_folder_an_error(
    start: Start, lightship: Run, half_plus_two: Path, tmp_path: Path
) -> None:
    model = with_labels(half_plus_two, tmp_path / "dog", ["pug", "beagle"])
    process = start(model, "--rest-port", "auto", "--quiz", tmp_path)
    printed = banner(process)
    assert "/ui\n" in printed
    assert "Play against" not in printed
    process.send_signal(signal.SIGTERM)
    reason = "The folder of the quiz has no photos"
    assert f"there is no game with the photos below {tmp_path}: {reason}" in process.communicate(timeout=30)[1]
    done = lightship("serve", model, "--rest-port", "auto", "--quiz", tmp_path / "gone")
    assert done.returncode == 1
    assert f"error: {tmp_path / 'gone'} is not a folder: give the quiz one with photos" in done.stderr
    done = lightship("serve", model, "--rest-port", "0", "--grpc-port", "auto", "--quiz", tmp_path)
    assert f"--quiz {tmp_path} is a game over REST, but --rest-port 0 turns REST off" in done.stderr
