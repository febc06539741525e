"""The command as a whole: quick to answer, clear when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest
from tests.cli.conftest import BIN, Run, clean_environment

import lightship
from lightship.cli.running import run

COMMANDS = ["export", "train", "serve", "predict", "explain", "inspect", "status"]


def test_the_version_is_printed_soon(lightship: Run) -> None:
    """By the processor's time, which other work on the machine hardly changes."""

    def seconds() -> float:
        start = os.times()
        assert lightship("--version").stdout == f"lightship {version()}\n"
        end = os.times()
        return end.children_user + end.children_system - start.children_user - start.children_system

    assert min(seconds() for _ in range(5)) < 0.5


def test_python_runs_the_package_as_the_command() -> None:
    command = [sys.executable, "-m", "lightship", "--version"]
    assert subprocess.check_output(command, text=True) == f"lightship {version()}\n"


def version() -> str:
    return lightship.__version__


def test_starting_the_command_imports_no_room() -> None:
    code = "import sys, lightship.cli.app; print(*sys.modules)"
    modules = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert not {"numpy", "openvino", "tensorflow", "httpx2", "uvloop", "httptools", "google.protobuf", "rich"} & modules


def test_help_names_the_commands(lightship: Run) -> None:
    done = lightship("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("group", [[], ["docker"], ["config"]])
def test_a_group_of_commands_without_arguments_prints_its_help(lightship: Run, group: list[str]) -> None:
    done = lightship(*group)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == lightship(*group, "--help").stdout
    assert "\nCommands:\n" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(lightship: Run, command: str) -> None:
    done = lightship(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--json" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["nothing"], ["predict"], ["predict", "models/dog"], ["serve"], ["status", "x", "--timeout", "soon"], ["--top"]],
)
def test_what_is_typed_wrong_exits_with_2(lightship: Run, arguments: list[str]) -> None:
    done = lightship(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "--help` for a list of arguments" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["inspect"], "error: Missing argument FOLDER: a model's folder, such as models/dog"),
        (["serve"], "error: Missing argument MODEL...: models' folders, such as models/dog, or --config"),
        (["serve", "models", "--rest-prot", "1"], "error: No such option: --rest-prot: did you mean --rest-port?\n"),
        (["serve", "models", "--access-log", "txt"], "'--access-log': 'txt' is not one of 'text', 'json'"),
        (["serve", "models", "--timeout", "soon"], "'--timeout': 'soon': Input should be a valid number"),
        (["serve", "models", "--max-pixels", "0"], "'--max-pixels': '0': Input should be greater than or equal to 1"),
        (["serve", "models", "--access-log-file", "a"], "--access-log-file a needs --access-log text or json: give"),
        (["export", "a", "b", "--mean", "a", "--std", "1"], "one per channel, such as 123.675,116.28,103.53"),
    ],
)
def test_what_is_typed_wrong_is_answered_with_what_to_type(lightship: Run, arguments: list[str], text: str) -> None:
    assert text in lightship(*arguments).stderr


OWN_PARSERS = [
    ("rest-port", "xx", "is not a port number: give 1 to 65535"),
    ("grpc-port", "70000", "is not a port number: give 1 to 65535"),
    ("workers", "few", "is not a number of processes: give 1 or more, or auto"),
    ("memory-budget", "much", "is not a size: give a number of bytes"),
    ("trial-memory", "much", "is not a size: give a number of bytes"),
    ("allow-reload", "nowhere", "is not a folder: give the folder below which clients may choose models"),
    ("timeout", "soon", ": Input should be a valid number"),
]


@pytest.mark.parametrize(("option", "value", "text"), OWN_PARSERS)
@pytest.mark.parametrize("by_variable", [False, True])
def test_a_wrong_value_is_reported_with_its_option_and_the_variable_that_it_is_from(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
    value: str,
    text: str,
    by_variable: bool,
) -> None:
    variable = f"LIGHTSHIP_{option.upper().replace('-', '_')}"
    where = f"'--{option}' (env var: '{variable}')" if by_variable else f"'--{option}'"
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # the command replaces it
    monkeypatch.setenv(variable, value if by_variable else "1")
    monkeypatch.setattr(
        sys, "argv", ["lightship", "serve", "no/model", *([] if by_variable else [f"--{option}={value}"])]
    )
    with pytest.raises(SystemExit) as ending:
        run()
    assert ending.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: Invalid value for {where}: {value!r}")
    assert text in error


def test_an_error_is_one_line(lightship: Run) -> None:
    done = lightship("inspect", "no/such/folder")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no/such/folder does not exist")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_traceback_is_shown_when_asked_for(lightship: Run, how: str) -> None:
    words, env = (["--debug"], {}) if how == "option" else ([], {"LIGHTSHIP_DEBUG": "1"})
    done = lightship(*words, "inspect", "no/such/folder", env=env)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    command = f"{BIN}/lightship export --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=clean_environment())
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
