"""The log of a real server, and what a client that puts control characters into everything can do to it."""

from __future__ import annotations

import http.client
import io
import json
import logging
import re
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from tests.server.conftest import Process, Run

from lightship import protos
from lightship.server.logs import JsonFormatter, TextFormatter

FORGED = "2026-11-27T12:00:00.123+00:00 INFO stopped"
NASTY = f"x\n{FORGED}\r\x1b[2J\x9b1A\u202e\u2028{FORGED}"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (INFO|WARNING|ERROR) ")


def record(message: str, *values: object, **options: object) -> logging.LogRecord:
    return logging.LogRecord("lightship.x", logging.ERROR, "x.py", 1, message, values, options.get("exc_info"))  # type: ignore[arg-type]


def test_a_record_is_one_line_of_text() -> None:
    line = TextFormatter().format(record("model %s failed", NASTY))
    assert line.isprintable()
    assert line.count("\n") == 0
    assert rf"x\n{FORGED}\r\x1b[2J\x9b1A\u202e\u2028" in line


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("UTC0", "2026-11-27T23:15:51.123+00:00"),
        ("IST-5:30", "2026-11-28T04:45:51.123+05:30"),
        ("NST+3:30", "2026-11-27T19:45:51.123-03:30"),
    ],
)
def test_text_has_the_date_and_the_time_zone_and_json_has_utc(
    zone: str, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = record("it is ready")
    said.created = datetime(2026, 11, 27, 23, 15, 51, 123456, UTC).timestamp()
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert TextFormatter().format(said) == f"{written} ERROR it is ready"
        assert TextFormatter(worker=2).format(said) == f"{written} ERROR worker 2: it is ready"
        assert json.loads(JsonFormatter().format(said))["time"] == "2026-11-27T23:15:51.123+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_traceback_cannot_look_like_another_record() -> None:
    try:
        raise ValueError(NASTY)
    except ValueError as error:
        line = TextFormatter().format(record("it failed", exc_info=(ValueError, error, error.__traceback__)))
    first, *rest = line.split("\n")
    assert LINE.match(first)
    assert rest
    assert all(other.startswith("    ") and other.isprintable() for other in rest)


def test_json_keeps_what_was_said_in_one_printable_line() -> None:
    said = record("model %s failed", NASTY)
    said.model = NASTY  # as `extra` does
    line = JsonFormatter().format(said)
    assert line.isprintable()
    assert json.loads(line)["model"] == NASTY


def test_json_of_what_cannot_be_encoded_is_still_written() -> None:
    said = record("the file %s", "dog\udcff")
    assert json.loads(JsonFormatter().format(said))["message"] == r"the file dog\udcff"


def test_records_that_no_handler_takes_are_escaped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from lightship.server.logs import configure_logging

    written = io.StringIO()
    handler = logging.StreamHandler(written)
    monkeypatch.setattr(logging, "lastResort", handler)
    configure_logging("text")
    handler.handle(record("%s", NASTY))
    assert written.getvalue().count("\n") == 1


def nasty_folder(tmp_path: Path) -> Path:
    """A model's folder and files whose names forge log lines."""
    folder = tmp_path / NASTY
    (folder / f"v1\n{FORGED}").mkdir(parents=True)
    return folder


def attack(process: Process) -> None:
    """Puts control characters wherever a client can: URL, headers, methods, names of models, signatures and files."""
    with socket.create_connection(("127.0.0.1", process.port), timeout=60) as plain:
        plain.sendall(f"GET /{NASTY} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        plain.recv(65536)
    for path in (
        f"/v1/models/x%0A{FORGED.replace(' ', '%20')}%1B[2J:predict",
        "/v1/models/%E2%80%AEx/labels/a%0Db:predict",
    ):
        connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
        connection.putrequest("POST", path, skip_host=True)
        connection.putheader("Host", "x")
        connection.putheader("X-Forged", b"\x9b2J\xff")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"{}")
        connection.getresponse().read()
        connection.close()
    predict, request = protos.PredictRequest(), protos.ReloadConfigRequest()
    predict.model_spec.name = NASTY
    request.config.model_config_list.config.add(name=NASTY, base_path=f"/none/{NASTY}", model_platform="tensorflow")
    with grpc.insecure_channel(f"127.0.0.1:{process.grpc_port}") as channel:
        for method, message in (
            ("PredictionService/Predict", predict),
            ("ModelService/HandleReloadConfigRequest", request),
        ):
            stub = channel.unary_unary(f"/tensorflow.serving.{method}")
            with pytest.raises(grpc.RpcError):
                stub(message.SerializeToString(), timeout=2)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_client_and_no_file_can_forge_a_line_of_a_servers_log(
    run: Run, half_plus_two: Path, tmp_path: Path, form: str
) -> None:
    nasty = nasty_folder(tmp_path)
    process = run(half_plus_two, f"nasty={nasty}", form=form, grpc=True, ready=False, reload="/")
    process.port = int(process.read_until(r"http://[^ \"]+:(\d+)")[1])
    process.grpc_port = int(process.read_until(r"gRPC on [^ \"]+:(\d+)")[1])
    process.read_until("is AVAILABLE")
    attack(process)
    process.signal()
    code, log = process.ended()
    assert code == 0
    lines = log.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    if form == "json":
        assert sum(json.loads(line)["message"] == "stopped" for line in lines) == 1
        return
    assert all(LINE.match(line) for line in lines)
    assert [line for line in lines if line.startswith(FORGED)] == []
    assert sum(NASTY.split("\n")[1].split("\r")[0] in line for line in lines) > 0  # it was said, in one line
