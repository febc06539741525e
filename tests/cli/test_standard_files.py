"""Commands that are started without standard input, output or errors, as some supervisors of services do."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.cli.conftest import BIN, clean_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")

_OPENED = """
import os, subprocess, sys
from lightship.cli.standard_files import open_missing
open_missing()
print("lost")
reader, writer = os.pipe()
child = subprocess.run([sys.executable, "-c", "import os; os.fstat(0), os.fstat(1)"])
sys.stderr.write(f"{child.returncode} {min(reader, writer) > 2} {sys.stdin.read()!r}")
"""


def without(closed: str, *command: object) -> subprocess.CompletedProcess[str]:
    """Runs a command with some of its standard files closed."""
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", *map(str, command)]
    return subprocess.run(words, env=clean_environment(), capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("program", ["lightship", "lightship-model-server"])
def test_a_command_works_without_them(program: str, closed: str) -> None:
    assert without(closed, BIN / program, "--version").returncode == 0


def test_no_other_file_gets_their_numbers_and_child_processes_have_them_too() -> None:
    assert without("<&- >&-", sys.executable, "-c", _OPENED).stderr == "0 True ''"
