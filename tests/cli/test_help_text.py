"""Help on narrow terminals: every name and every choice is there whole."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from tests.cli.conftest import Run

from lightship.cli.app import app
from lightship.cli.running import run

HelpOf = Callable[[tuple[str, ...], int], str]
ROOT: Any = typer.main.get_command(app)


def commands(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields every command and subcommand with the words that call it."""
    yield path, command
    for name, one in getattr(command, "commands", {}).items():
        yield from commands(one, (*path, name))


ALL = dict(commands())


def names(command: Any) -> set[str]:
    """Returns the names of a command's options and subcommands, and the choices of its options."""
    context = command.make_context("lightship", [], resilient_parsing=True)
    options = {name for one in command.get_params(context) if one.param_type_name == "option" for name in one.opts}
    choices = {
        str(choice)
        for one in command.get_params(context)
        if (described := getattr(one, "type_descriptor", None)) is not None and described.is_choice
        for choice in described.choices
    }
    return options | choices | set(getattr(command, "commands", ()))


@pytest.fixture
def help_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> HelpOf:
    """Returns the help text of a command on a terminal of so many columns, printed in this process."""

    def printed(path: tuple[str, ...], columns: int) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "argv", ["lightship", *path, "--help"])
        with pytest.raises(SystemExit, match="^0$"):
            run()
        return capsys.readouterr().out

    return printed


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("path", ALL, ids=lambda path: " ".join(path) or "lightship")
def test_no_name_is_cut(help_of: HelpOf, path: tuple[str, ...], columns: int) -> None:
    text = help_of(path, columns)
    assert "…" not in text
    words = set(re.findall(r"[\w-]+", text))
    assert sorted(names(ALL[path]) - words) == []


def test_all_commands_are_tried() -> None:
    assert {("serve",), ("export",), ("docker", "start"), ("docker",)} <= set(ALL)


def test_what_is_advanced_has_a_list_of_its_own(help_of: HelpOf) -> None:
    text = help_of(("serve",), 80)
    options, advanced = text.split("\nAdvanced:\n")
    assert "--rest-port" in options
    assert "--no-join" not in options
    assert "--no-join" in advanced


def test_help_of_the_drop_in_is_whole_at_any_width(model_server: Run) -> None:
    from lightship.cli.model_server_flags import FLAGS

    done = model_server("--help", env={"COLUMNS": "60"})
    assert "…" not in done.stdout
    assert [flag.name for flag in FLAGS if f"\n  --{flag.name}=" not in done.stdout] == []
    assert "\\t" not in done.stdout
    assert max(map(len, done.stdout.splitlines()[2:])) <= 80
