"""The lines of the access log: their fields, and what clients cannot do to them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from time import monotonic, time
from typing import Any

import pytest

from lightship.errors import Code
from lightship.transports.access_log.lines import Lines
from lightship.transports.access_log.record import STAGES, AccessRecord, JoinedRecord


def record(**values: Any) -> AccessRecord:
    one = AccessRecord()
    one.begun = monotonic()
    one.received, one.ended = one.begun + 0.001, one.begun + 0.010
    one.decode, one.run, one.encode = 0.002, 0.003, 0.0005
    one.client, one.method, one.path, one.status, one.id = "127.0.0.1", "POST", "/v1/models/m:predict", 200, b"abc"
    for name, value in values.items():
        setattr(one, name, value)
    return one


def line_of(lines: Lines, one: AccessRecord) -> bytes:
    what = (one.method, one.path, one.model, one.version, one.status)
    own = (lines.clients[one.client], one.begun, one.received, one.bytes_in, one.bytes_out, one.id)
    return lines.line(what, one.ended, *one.stages(), own)


def json_of(one: AccessRecord) -> dict[str, Any]:
    (line,) = line_of(Lines("json"), one).decode().splitlines()
    return dict(json.loads(line))


def text_of(one: AccessRecord) -> str:
    (line,) = line_of(Lines("text"), one).decode().splitlines()
    return line


def test_a_line_of_json_has_all_fields() -> None:
    fields = json_of(record(model="m", version=3, bytes_in=17, bytes_out=33))
    moment = datetime.fromisoformat(fields.pop("time"))
    assert moment.tzinfo == UTC
    assert abs(moment.timestamp() - time()) < 60
    times = {name: fields.pop(name) for name in ("ms", *(f"{stage}_ms" for stage in STAGES))}
    expected = {"ms": 10, "receive_ms": 1, "wait_ms": 3.5, "decode_ms": 2, "run_ms": 3, "encode_ms": 0.5}
    assert times == pytest.approx(expected, abs=0.005)
    assert fields == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v1/models/m:predict",
        "model": "m",
        "version": 3,
        "status": 200,
        "bytes_in": 17,
        "bytes_out": 33,
        "id": "abc",
    }


def test_a_line_of_text_has_the_same_fields() -> None:
    line = text_of(record(model="m", version=3, bytes_in=17, bytes_out=33))
    pattern = (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 127\.0\.0\.1 POST /v1/models/m:predict 200 model=m version=3 "
        r"bytes_in=17 bytes_out=33 ms=\S+ receive_ms=\S+ wait_ms=\S+ decode_ms=\S+ run_ms=\S+ encode_ms=\S+ id=abc"
    )
    assert re.fullmatch(pattern, line)


def test_a_call_of_grpc_has_its_name_and_the_name_of_its_code() -> None:
    call = record(method="gRPC", path="/a.B/C", status=Code.NOT_FOUND)
    fields = json_of(call)
    assert (fields["rpc"], fields["code"]) == ("/a.B/C", "NOT_FOUND")
    assert not {"path", "status"} & fields.keys()
    assert " gRPC /a.B/C NOT_FOUND " in text_of(call)


def test_what_is_not_known_is_null_or_a_dash() -> None:
    unknown = record(client="", method="", path="", status=400)
    fields = json_of(unknown)
    assert all(fields[name] is None for name in ("client", "method", "path", "model", "version"))
    assert " - - - 400 model=- version=- " in text_of(unknown)


def test_the_stages_add_up_to_the_whole_time() -> None:
    class Threads:
        decode, run_seconds, encode = 0.0011, 0.0007, 0.0003

    for one in (record(), record(threads=Threads()), record(decode=0.0, run=0.0, encode=0.0)):
        fields = json_of(one)
        stages = [fields[f"{stage}_ms"] for stage in STAGES]
        assert sum(stages) == pytest.approx(fields["ms"], abs=1e-9)
        assert min(stages) >= 0


FORGED = [
    "/x\n2026-11-27T23:37:22.372Z 10.0.0.1 GET / 200",
    "/x\r\x1b[2K\x00",
    '/x" 200 model="y',
    "/x y=1",
    "/\u2028\u202e\ud800\U000e0041",
    "/\x80\x9f\xff",
]


@pytest.mark.parametrize("text", FORGED)
def test_no_text_of_a_client_forges_a_line_or_a_field(text: str) -> None:
    for form in ("text", "json"):
        shown = line_of(Lines(form), record(path=text, model=text)).decode()  # type: ignore[arg-type]
        assert shown.count("\n") == 1
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\U000e0041]", shown)
    fields = json_of(record(path=text, model=text))
    assert fields["status"] == 200
    assert "\ud800" in text or fields["path"] == text
    words = re.findall(r'"(?:[^"\\]|\\.)*"|\S+', re.sub("model=", "model= ", text_of(record(path=text, model=text))))
    assert words[4] == "200"
    assert words[7] == "version=-"


@pytest.mark.parametrize("character", ["x", "\x80", "\U000e0041"])
def test_a_line_stays_shorter_than_what_is_written_to_a_pipe_at_once(character: str) -> None:
    path = "\x80" * 10_000  # a path is bytes, shown as Latin-1
    long = record(path=path, model=character * 10_000, client="f" * 1000, method="M" * 1000, id=b"i" * 128)
    for form in ("text", "json"):
        assert len(line_of(Lines(form), long)) < 4096  # type: ignore[arg-type]
    assert json_of(long)["model"] == character * 128 + "..."


def test_many_kinds_of_requests_are_not_remembered_without_end() -> None:
    lines = Lines("text")
    for number in range(5000):
        line_of(lines, record(path=f"/{number}", client=f"{number}"))
    assert len(lines._known) <= 1024
    assert len(lines.clients) <= 1024


def test_requests_that_are_answered_together_have_the_same_fields_as_others() -> None:
    for form in ("text", "json"):
        lines = Lines(form)  # type: ignore[arg-type]
        one = record(received=7.0, begun=7.0, ended=7.5, encode=0.25, model="m", version=3)
        what = (one.method, one.path, one.status, one.model, one.version)
        joined = JoinedRecord(*what, one.decode, one.run, one.ended - one.encode, (b"<", b">"))
        sent = [joined.members.add(lines.clients["127.0.0.1"], 7.0, 7.0, 17, 33) for _ in range(3)]
        joined.ended = one.ended
        one.bytes_in, one.bytes_out = 17, 33
        expected = []
        for given in sent:
            one.id = given[1:-1]
            expected.append(line_of(lines, one))
        assert lines.joined_lines(joined) == b"".join(expected)


def test_the_line_about_dropped_ones_says_how_many() -> None:
    assert json.loads(Lines("json").dropped(7))["dropped"] == 7
    assert re.fullmatch(rb"\d{4}-\S+Z dropped=7\n", Lines("text").dropped(7))
