"""`lightship bench` as a user runs it: its output, its files, what goes wrong, and Ctrl-C."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ports import free_port
from PIL import Image
from tests.cli.conftest import BIN, Run, clean_environment, heed_interrupts

MODEL = Path(__file__).parents[1] / "models" / "half_plus_two"
OWN = "--rest-port\0auto\0--grpc-port\0auto\0--host"  # the options of a server that the command starts
SHORT = ("--seconds", "1", "--warm-up", "0")


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Any]]:
    words = [BIN / "lightship", "serve", MODEL, "--rest-port", "auto", "--grpc-port", "auto", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment()) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        try:
            yield {"url": ready["url"], "grpc": f"grpc://127.0.0.1:{ready['grpc_port']}/half_plus_two"}
        finally:
            process.terminate()


def test_a_sweep_is_printed_and_written_to_files(lightship: Run, served: dict[str, Any], tmp_path: Path) -> None:
    files = [tmp_path / f"out.{kind}" for kind in ("html", "png", "csv")]
    words = [word for file in files for word in (f"--{file.suffix[1:]}", file)]
    run = lightship("bench", served["url"], "--concurrency", "1,2", *SHORT, *words)
    assert (run.returncode, run.stderr) == (0, "")
    lines = run.stdout.splitlines()
    assert lines[0].startswith(f"{served['url']}/v1/models/half_plus_two: x: float32 of 1x1, serving_default, JSON, ")
    assert re.split(r"\s{2,}", lines[1].strip())[:4] == ["Connections", "Answers/s", "p50 ms", "p90 ms"]
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]
    page = files[0].read_text()
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") >= 4
    assert not re.search(r"(src|href)=\"https?:", page)
    with Image.open(files[1]) as image:
        assert image.format == "PNG"
        assert image.height > 1000
    with files[2].open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["mode"], row["connections"], row["failed"]) for row in rows] == [
        ("closed", "1", "0"),
        ("closed", "2", "0"),
    ]
    assert all(float(row["answers_per_second"]) > 0 for row in rows)


def test_two_servers_are_compared_in_turns(lightship: Run, served: dict[str, Any]) -> None:
    words = ("--compare", served["grpc"], "--concurrency", "2", "--rounds", "3", "--json")
    run = lightship("bench", served["url"], *words, *SHORT)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert [row["target"] for row in told["rows"]] == ["A", "B"]
    assert told["rows"][0]["seconds"] == pytest.approx(3)
    assert [(one["figure"], one["rounds"]) for one in told["ratios"]] == [
        ("answers a second", 3),
        ("p50", 3),
        ("p99", 3),
    ]
    assert all(one["lowest"] <= one["median"] <= one["highest"] for one in told["ratios"])


def test_the_highest_rate_that_keeps_an_objective_is_found(lightship: Run, served: dict[str, Any]) -> None:
    run = lightship("bench", served["grpc"], "--slo", "p50=5s", "--json", "--seconds", "0.2", "--warm-up", "0")
    told = json.loads(run.stdout)
    assert told["slo"][0]["objectives"] == ["p50=5000ms"]
    assert told["slo"][0]["tries"]
    impossible = lightship("bench", served["url"], "--slo", "p50=1us", "--seconds", "0.2", "--warm-up", "0")
    assert impossible.returncode == 1
    assert "does not keep p50=0.001ms: at " in impossible.stdout


def test_a_folder_is_served_for_the_measurement(lightship: Run, tmp_path: Path) -> None:
    words = ("--grpc", "--rate", "20", "--json", *SHORT)
    run = lightship("bench", MODEL, *words, env={"STARTED_BY": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert (told["rows"][0]["mode"], told["rows"][0]["errors"]) == ("open", {})
    assert told["rows"][0]["server_memory_bytes"] > 0
    left = _command_lines(f"STARTED_BY={tmp_path}")
    assert not [one for one in left if "from lightship.bench" in one or f"\0{MODEL}\0{OWN}" in one]


def _command_lines(mark: str) -> list[str]:
    """Those of the processes that have a mark in their environment: other tests may be measuring at the same time."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if mark in (process / "environ").read_bytes().decode(errors="replace").split("\0"):
                found.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return found


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--slo", "p99=50mz"), 2, "'p99=50mz' is not an objective: give a percentile and a time, such as p99=50ms"),
        (("--rate", "ten"), 2, "'ten' is not a rate: give requests a second"),
        (("--concurrency", "1,,2"), 2, "'1,,2' has an empty part"),
        (("--concurrency", "0"), 2, "'0' is not a number of connections: give whole numbers from 1 to 10000"),
        (("--shape", "x"), 2, "'x' is not a shape: give an input and its sizes, such as tokens=1,128"),
        (("--rounds", "2"), 2, "it has an effect only with --compare, and is 2"),
        (("--connections", "2"), 2, "it has an effect only with --rate or --slo, and is 2"),
        (("--rate", "1", "--slo", "p99=1s"), 2, "--slo p99=1s searches a rate: leave out --rate 1"),
        (("--signature", "nope"), 1, "model half_plus_two has no signature nope: it has "),
        (("--shape", "y=1"), 1, "signature serving_default has no input y: it has x"),
        (("--html", "no/a.html"), 1, "--html no/a.html: the folder no does not exist: make it first"),
        (("--photos", "photos"), 1, "photos is not a folder: give a folder of photos"),
        (("--data", "a.npz"), 1, "a.npz"),
    ],
)
def test_what_is_wrong_is_said(
    lightship: Run, served: dict[str, Any], words: tuple[str, ...], code: int, error: str
) -> None:
    run = lightship("bench", served["url"], *words)
    assert (run.returncode, run.stdout) == (code, "")
    assert error in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_dead_address_a_wrong_protocol_and_an_unknown_model_are_told_apart(
    lightship: Run, served: dict[str, Any]
) -> None:
    dead = lightship("bench", f"http://127.0.0.1:{free_port()}/v1/models/dog")
    assert (dead.returncode, "Connection refused" in dead.stderr) == (1, True)
    unknown = lightship("bench", f"{served['url']}/v1/models/dog")
    assert (unknown.returncode, "dog" in unknown.stderr) == (1, True)
    wrong = lightship("bench", served["grpc"].replace("grpc://", "http://").rpartition("/")[0])
    assert (wrong.returncode, "if this is the gRPC port, write grpc://" in wrong.stderr) == (1, True)


def test_a_document_of_the_user_is_sent(lightship: Run, served: dict[str, Any], tmp_path: Path) -> None:
    document = tmp_path / "request.json"
    document.write_text('{"instances": [1.0, 2.0, 5.0]}')
    run = lightship("bench", served["url"], "--data", document, "--concurrency", "1", *SHORT)
    assert run.returncode == 0, run.stderr
    document.write_text('{"instances": ["a"]}')
    refused = lightship("bench", served["url"], "--data", document)
    assert refused.returncode == 1
    assert "refused the first request with HTTP 400" in refused.stderr


def _predictions(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=60) as response:
        text = response.read().decode()
    return sum(
        int(float(count)) for count in re.findall(r'^lightship_requests_total\{.*"predict".* (\S+)$', text, re.M)
    )


def test_ctrl_c_prints_what_was_measured(served: dict[str, Any]) -> None:
    words = [BIN / "lightship", "bench", served["url"], "--concurrency", "2,4", "--seconds", "300", "--warm-up", "0"]
    before = _predictions(served["url"])
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes, env=clean_environment(), preexec_fn=heed_interrupts) as process:
        while _predictions(served["url"]) < before + 50:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "")
    assert re.search(r"^ *2 \(stopped\) +[\d,.]+ ", told, re.M)
    assert not re.search(r"^ *4 ", told, re.M)


def test_photos_are_sent_to_a_model_of_images(lightship: Run, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from tests.colour_models import export_colour_model, save_colour_photos

    export_colour_model(tmp_path / "colours")
    photos = save_colour_photos(tmp_path / "data" / "photos")
    for further in ((), ("--grpc", "--signature", "serving_default")):
        run = lightship("bench", tmp_path / "colours", "--photos", photos, "--concurrency", "1", *SHORT, *further)
        assert run.returncode == 0, run.stderr
        assert " photos of " in run.stdout
    shutil.rmtree(tmp_path / "data")
