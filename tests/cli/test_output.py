"""What servers, models and file names say reaches a terminal without its control characters."""

from __future__ import annotations

import ast
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from tests.cli.conftest import Run
from tests.client.conftest import FakeServer, Reply

from lightship.cli.output import add_row, print_json, print_styled, print_text

HALF_PLUS_TWO = Path(__file__).parents[1] / "models" / "half_plus_two"
CLI = Path(__file__).parents[2] / "src" / "lightship" / "cli"
NASTY = "dog\x1b]0;owned\x07\x1b[2J\x9b1A\u202e\nerror: forged"


def test_text_keeps_its_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    print_text(NASTY)
    out = capsys.readouterr().out
    assert out.split("\n") == [r"dog\x1b]0;owned\x07\x1b[2J\x9b1A\u202e", "error: forged", ""]


def test_what_the_encoding_of_the_output_lacks_is_printed_as_an_escape(tmp_path: Path) -> None:
    folder = shutil.copytree(HALF_PLUS_TWO, tmp_path / "H\xfcndin")
    command = [sys.executable, "-m", "lightship", "inspect", str(folder / "123")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert r"H\xfcndin" in done.stdout


def test_cells_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(box=None)
    table.add_column("Name", no_wrap=True)
    add_row(table, "a\x1b[2J\nb")
    print_styled(table)
    assert r"a\x1b[2J\nb" in capsys.readouterr().out


def test_json_is_printable(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": NASTY})
    out = capsys.readouterr().out
    assert out.removesuffix("\n").isprintable()
    assert json.loads(out) == {"name": NASTY}


def test_text_goes_where_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    file = io.StringIO()
    print_text("a", end="", file=file)
    assert (file.getvalue(), capsys.readouterr().out) == ("a", "")


def test_a_server_cannot_write_escape_sequences_to_the_terminal(
    lightship: Run, fake_server: FakeServer, tmp_path: Path
) -> None:
    version = {"version": "1", "state": "END", "status": {"error_code": "UNKNOWN", "error_message": NASTY}}
    fake_server.reply_with(Reply(200, {"model_version_status": [version], "error": NASTY}))
    photo = tmp_path / "a\x1b[2J.jpg"
    photo.write_bytes(b"\xff\xd8\xff")
    for arguments in (("status", fake_server.url, "dog"), ("predict", f"{fake_server.url}/v1/models/dog", photo)):
        done = lightship(*arguments)
        assert done.returncode == 1
        lines = (done.stdout + done.stderr).split("\n")
        assert any(r"\x1b" in line for line in lines)
        assert all(line.isprintable() and not line.startswith("error: forged") for line in lines)


def printers() -> list[str]:
    """Calls of print and of a table's add_row, and JSON that is made by something else."""
    found = []
    for file in CLI.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name in ("print", "orjson.dumps") or name.endswith(".add_row"):
                found.append(f"{file.relative_to(CLI)}: {name}")
    return sorted(found)


def test_all_commands_print_through_the_module_that_escapes() -> None:
    allowed = {"output.py", "container_health.py"}  # the health check imports only standard modules
    assert [call for call in printers() if call.split(":")[0] not in allowed] == []
