"""Plain command lines are read without typer, and mean what typer makes of them."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lightship.cli import serve as serve_module
from lightship.cli import status as status_module
from lightship.cli.allow_reload import ServeCommand
from lightship.cli.direct import direct_arguments
from lightship.cli.options import WrongArguments, typer_command
from lightship.cli.serve import serve
from lightship.cli.status import status

PLAIN = [
    ["models/dog"],
    ["a", "b=c/d", "--json"],
    ["m", "--rest-port", "auto", "--grpc-port=0", "--host", "::"],
    ["--host=0.0.0.0", "m", "--strict", "--trust", "n"],
    ["m", "--timeout", "2", "--poll-seconds", "0.25", "--threads", "4", "--max-pixels=1000"],
    ["m", "--engine", "openvino", "--precision=bf16", "--log-format", "json"],
    ["m", "--allowed-hosts", "a,b", "--allowed-hosts=c", "--allow-unproven", "Unique"],
    ["m", "--cache-dir", "/tmp/cache", "--tls-cert=cert.pem", "--memory-budget", "512MB"],
    ["m", "--allow-reload", "/models", "--allow-reload=/others"],
    ["m", "--threads", "1", "--threads", "2"],
    ["m", "--head-timeout", "3.5", "--max-connections", "0"],
    ["--config", "lightship.toml", "--pid-file=/run/lightship.pid"],
    [],
]
NOT_PLAIN = [
    ["--help"],
    ["m", "-h"],
    ["m", "--rest-prot", "1"],
    ["m", "--rest-port"],
    ["m", "--rest-port="],
    ["m", "--rest-port", "--json"],
    ["m", "--json=yes"],
    ["m", "--threads", "four"],
    ["m", "--threads", "-1"],
    ["m", "--threads", "1_000"],
    ["m", "--threads", "1\N{ARABIC-INDIC DIGIT TWO}"],
    ["m", "--timeout", "\N{FULLWIDTH DIGIT TWO}"],
    ["m", "--timeout", "0"],
    ["m", "--timeout", "nan"],
    ["m", "--timeout", "1e3"],
    ["m", "--allow-reload"],
    ["m", "--allow-reload", "--json"],
    ["--", "m"],
]


def by_typer(module: Any, name: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Returns what typer calls a command with, without what the command has by default."""
    import typer

    called: list[dict[str, Any]] = []
    command = getattr(module, name)

    def recorded(**values: Any) -> None:
        called.append(values)

    recorded.__signature__ = typer_command(command).__signature__  # type: ignore[attr-defined]
    recorded.__annotations__ = typer_command(command).__annotations__
    app = typer.Typer(add_completion=False)
    app.callback()(lambda: None)
    app.command(name, cls=ServeCommand if name == "serve" else None)(recorded)
    monkeypatch.setattr(sys, "argv", ["lightship", name, *words])
    app(standalone_mode=False)
    (values,) = called
    defaults = {one.name: one.default for one in inspect.signature(command).parameters.values()}
    return {key: value for key, value in values.items() if key not in defaults or value != defaults[key]}


def without_defaults(command: Callable[..., None], given: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(command).parameters
    return {key: value for key, value in given.items() if value != parameters[key].default}


@pytest.fixture(autouse=True)
def no_options_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LIGHTSHIP_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_plain_words_mean_what_typer_makes_of_them(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given = direct_arguments(serve, words)
    assert given is not None
    assert without_defaults(serve, given) == by_typer(serve_module, "serve", words, monkeypatch)


@pytest.mark.parametrize("words", [["http://x:1"], ["http://x:1", "dog", "--timeout", "3", "--ca", "a.pem", "--json"]])
def test_plain_words_of_status_mean_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given = direct_arguments(status, words)
    assert given is not None
    assert without_defaults(status, given) == by_typer(status_module, "status", words, monkeypatch)


@pytest.mark.parametrize("words", NOT_PLAIN, ids=lambda words: " ".join(words) or "nothing")
def test_other_words_are_left_to_typer(words: list[str]) -> None:
    assert direct_arguments(serve, words) is None


def test_too_many_arguments_are_left_to_typer() -> None:
    assert direct_arguments(status, ["http://x", "dog", "cat"]) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LIGHTSHIP_MODELS", "a  b/c"),
        ("LIGHTSHIP_REST_PORT", "auto"),
        ("LIGHTSHIP_THREADS", "3"),
        ("LIGHTSHIP_TIMEOUT", "2.5"),
        ("LIGHTSHIP_ENGINE", "tensorflow"),
        ("LIGHTSHIP_CACHE_DIR", "/x y"),
        ("LIGHTSHIP_ALLOWED_HOSTS", "a b,c"),
    ],
)
def test_the_environment_means_what_typer_makes_of_it(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, text)
    for words in [["m"], ["m", "--rest-port", "1", "--threads", "9"], *([[]] if name == "LIGHTSHIP_MODELS" else [])]:
        given = direct_arguments(serve, words)
        assert given is not None
        assert without_defaults(serve, given) == by_typer(serve_module, "serve", words, monkeypatch)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LIGHTSHIP_STRICT", "1"),
        ("LIGHTSHIP_THREADS", "many"),
        ("LIGHTSHIP_TIMEOUT", ""),
        ("_LIGHTSHIP_COMPLETE", "complete_bash"),
    ],
)
def test_other_texts_of_the_environment_are_left_to_typer(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    assert direct_arguments(serve, ["m"]) is None


def test_an_environment_that_names_no_model_is_left_to_typer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_MODELS", " \t")
    assert direct_arguments(serve, []) is None


def test_a_usage_error_of_a_command_becomes_typers() -> None:
    import typer

    def refuses() -> None:
        raise WrongArguments("no")

    with pytest.raises(typer.BadParameter, match="^no$"):
        typer_command(refuses)()


# Imported by no server that starts with plain arguments and compiled models in the cache.
UNUSED = [
    *("typer", "pydantic", "rich", "grpc", "prometheus_client", "http.server", "tensorflow", "importlib.metadata"),
    *("lightship.engines.openvino.guarding", "lightship.engines.openvino.proven", "lightship.engines.comparison"),
]
PROBE = r"""
import sys, threading, time
from lightship.cli import entry
from lightship.server.server import Server
run = Server.run
def stopped(self):
    assert self.wait_ready()
    sys.stdout.write("\nimported: " + " ".join(sys.modules) + "\n")  # at once: the banner is printed too
    self.stop()
Server.run = stopped
sys.argv = ["lightship", "serve", sys.argv[1], "--rest-port", "auto", "--cache-dir", sys.argv[2]]
entry.main()
"""


def test_a_start_imports_nothing_that_is_not_used(half_plus_two: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the first one fills the cache
        command = [sys.executable, "-c", PROBE, half_plus_two, tmp_path / "cache"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("imported:")]
    modules = set(line.split())
    assert "openvino" in modules
    assert sorted(modules.intersection(UNUSED)) == []
