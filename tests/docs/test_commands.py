"""The commands of README and docs/ have only options that exist, with values that they take."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from tests.docs.blocks import ROOT, pages

from lightship.cli.app import app

COMMANDS: Any = typer.main.get_command(app)
_BLOCK = re.compile(r"^ *```(?:sh|bash|console|text|yaml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_COMMAND = re.compile(r"(?:^|[\s;&|(])lightship +([a-z][^;&|>\n]*)")


def commands(text: str) -> list[str]:
    """What stands behind `lightship` in blocks and between backticks, each without what a shell does with it."""
    prose = _BLOCK.sub("", text)
    codes = [*_BLOCK.findall(text), *(code.replace("\n", " ") for code in _INLINE.findall(prose))]
    return [found for code in codes for found in _COMMAND.findall(code.replace("\\\n", " "))]


def choices_of(option: Any) -> tuple[str, ...]:
    """The values that an option takes; none if it takes others too."""
    annotation = option.type_descriptor.annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def wrong_options(command: str) -> list[str]:
    """The options of a command line that its command does not have, or that do not take the value behind them."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # a sentence with an apostrophe
        return []
    found = COMMANDS
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    if found is COMMANDS:
        return []
    options = {name: one for one in found.params for name in (*one.opts, *one.secondary_opts)}
    wrong = []
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if not name.startswith("--") or name in ("--", "--help"):
            continue
        choices = choices_of(options[name]) if name in options else ()
        if name not in options or (choices and (value if equals else following).strip(",.") not in choices):
            wrong.append(word)
    return wrong


@pytest.mark.parametrize("page", [page.relative_to(ROOT) for page in pages()], ids=str)
def test_the_options_of_every_command_exist(page: Path) -> None:
    found = {command: wrong_options(command) for command in commands((ROOT / page).read_text())}
    assert {command: wrong for command, wrong in found.items() if wrong} == {}


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    text = "Run\n\n```console\nlightship serve a \\\n  --no-such\n```\n\nor `lightship verify a --neither & echo`."
    assert [wrong_options(one) for one in commands(text)] == [["--no-such"], ["--neither"]]
    assert wrong_options("serve models/dog --access-log /var/log/lightship/access.log") == ["--access-log"]
    assert wrong_options("serve models/dog --access-log=text --access-log-file a.log") == []


@pytest.mark.parametrize("page", [page.relative_to(ROOT) for page in pages()], ids=str)
def test_what_is_installed_is_the_clone(page: Path) -> None:
    """A reader who has not installed Lightship yet would get whatever the package index has under this name."""
    text = (ROOT / page).read_text()
    known = "Once Lightship is\n  installed, `pip install 'lightship[s3]'` adds one"
    assert not re.findall(r"pip install '?lightship\b.*", text.replace(known, ""))
