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
    states = [{"version": version["version"], "state": version["state"]} for version in versions]
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
    }


def test_a_server_that_lists_nothing_asks_for_a_name(lightship: Run, fake_server: FakeServer) -> None:
    fake_server.reply_with(Reply(400, {"error": "Missing model name in request."}))
    done = lightship("status", fake_server.url)
    assert done.returncode == 1
    assert f"`lightship status {fake_server.url} NAME`" in done.stderr
