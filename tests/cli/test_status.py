"""What a server has, by command."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.cli.conftest import Run
from tests.client.conftest import FakeServer, ReceivedRequest, Reply

GOOD = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
BAD = {"version": "2", "state": "END", "status": {"error_code": "DATA_LOSS", "error_message": "weights differ"}}
MODELS: dict[str, list[dict[str, Any]]] = {"dog": [BAD, GOOD], "cat": []}


def listed(name: str, versions: list[dict[str, Any]]) -> dict[str, Any]:
    states = [{"version": one["version"], "state": one["state"], "note": one.get("note", "")} for one in versions]
    return {"name": name, "versions": states, "reason": "" if versions else "cat is empty"}


@pytest.fixture
def server(fake_server: FakeServer) -> FakeServer:
    """A server with one model that answers and one that has no version."""

    def answer(request: ReceivedRequest) -> Reply:
        if request.path == "/readyz":
            return Reply(503, {"error": "cat has no version"})
        if request.path == "/v1/models":
            return Reply(body={"models": [listed(name, versions) for name, versions in MODELS.items()]})
        name = request.path.rpartition("/")[2]
        return Reply(body={"model_version_status": MODELS[name]}) if MODELS.get(name) else Reply(404, {"error": "none"})

    fake_server.answer = answer
    return fake_server


def test_all_models_are_shown_and_the_exit_code_tells_readiness(lightship: Run, server: FakeServer) -> None:
    done = lightship("status", server.url)
    assert done.stderr == "", done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert rows[0] == ["Model", "Version", "State", "Reason"]
    assert rows[1:3] == [["dog", "2", "END", "DATA_LOSS:", "weights", "differ"], ["dog", "1", "AVAILABLE"]]
    assert rows[3] == ["cat", "-", "-", "cat", "is", "empty"]


@pytest.mark.parametrize("how", ["argument", "url"])
def test_one_model_that_answers_is_success(lightship: Run, server: FakeServer, how: str) -> None:
    words = [server.url, "dog"] if how == "argument" else [f"{server.url}/v1/models/dog"]
    done = lightship("status", *words)
    assert done.returncode == 0
    assert "cat" not in done.stdout


def test_a_model_that_is_not_there_is_an_error(lightship: Run, server: FakeServer) -> None:
    done = lightship("status", server.url, "owl")
    assert (done.returncode, done.stderr) == (1, "error: none\n")


def test_json_has_the_same(lightship: Run, server: FakeServer) -> None:
    printed = json.loads(lightship("status", server.url, "dog", "--json").stdout)
    assert printed["ready"] is True
    (dog,) = printed["models"]
    assert dog["versions"][0] == {
        "version": 2,
        "state": "END",
        "error_code": "DATA_LOSS",
        "error_message": "weights differ",
        "signatures": [],
        "note": "",
    }


def test_a_server_that_lists_nothing_asks_for_a_name(lightship: Run, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(400, {"error": "Missing model name in request."}))
    done = lightship("status", fake_server.url)
    assert done.returncode == 1
    assert f"`lightship status {fake_server.url} NAME`" in done.stderr


def test_what_an_operator_should_know_of_a_version_and_a_folder_is_shown(
    lightship: Run, fake_server: FakeServer
) -> None:
    changed = GOOD | {"note": "its files were changed"}
    dog = listed("dog", [changed]) | {"notice": "models/dog has no version any more"}

    def answer(request: ReceivedRequest) -> Reply:
        if request.path == "/v1/models":
            return Reply(body={"models": [dog]})
        return Reply(body={"model_version_status": [GOOD]})

    fake_server.answer = answer
    for words in ([fake_server.url], [fake_server.url, "dog"]):
        rows = lightship("status", *words).stdout.splitlines()
        assert rows[1].split() == ["dog", "-", "-", *["models/dog", "has", "no", "version", "any", "more"]]
        assert rows[2].split() == ["dog", "1", "AVAILABLE", *["its", "files", "were", "changed"]]
    (model,) = json.loads(lightship("status", fake_server.url, "--json").stdout)["models"]
    assert (model["notice"], model["versions"][0]["note"]) == (dog["notice"], "its files were changed")


def test_long_names_and_signatures_without_engine_are_printed_whole_at_any_width(
    lightship: Run, fake_server: FakeServer
) -> None:
    name, signature = "a_model_with_a_name_that_is_rather_long_for_a_column", "a_signature_with_quite_a_long_name"
    note = "takes tensors only, no photos: exported without --preprocess"
    engines = {
        signature: {"engine": "openvino", "reason": "every operation is proven", "proof": "golden sample"},
        "later": {"engine": "", "reason": "", "proof": ""},
        "failed": {"engine": "", "reason": "out of memory", "proof": ""},
    }
    versions = [{"version": "20251128094500", "state": "AVAILABLE", "note": note, "signatures": engines}]

    def answer(request: ReceivedRequest) -> Reply:
        if request.path == "/v1/models":
            return Reply(body={"models": [{"name": name, "versions": versions, "reason": ""}]})
        return Reply(body={"model_version_status": [GOOD | {"version": "20251128094500"}]})

    fake_server.answer = answer
    for width in ("40", "80", "200"):
        done = lightship("status", fake_server.url, env={"COLUMNS": width})
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[1].split()[:3] == [name, "20251128094500", "AVAILABLE"]
        whole = " ".join(done.stdout.split())
        assert all(word in whole for word in note.split())
        (engine,) = (line for line in lines if signature in line)
        assert engine.split()[:4] == [name, "20251128094500", signature, "openvino"]
        (later,) = (line for line in lines if " later " in line)
        assert later.split() == [name, "20251128094500", "later", "not", "loaded", "yet"]
        (failed,) = (line for line in lines if " failed " in line)
        assert failed.split()[3] == "none"


def test_short_names_leave_the_width_of_the_terminal(lightship: Run, server: FakeServer) -> None:
    done = lightship("status", server.url, env={"COLUMNS": "50"})
    assert max(map(len, done.stdout.splitlines())) <= 50
