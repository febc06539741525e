"""The code blocks of README and of the pages in docs/, and what runs them as a reader would type them.

The language of a block says what becomes of it:

- `sh` and `python` blocks run, in the order of the page, in a folder as `make demo` leaves it. A block `output` right
  behind one is what it must print; `...` stands for anything.
- A `sh` block that is one `lightship serve` starts this server, for the blocks behind it. It gets free ports.
- `bash` blocks need a Docker Engine. tests/docker runs those of README.
- `console` blocks are commands that no test runs, because they need another machine, or hours.
- `js` is run by tests/compat. `text` and `yaml` are no commands.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LANGUAGES = {"python", "sh", "bash", "console", "js", "output", "text", "toml", "yaml"}
REST, GRPC = "127.0.0.1:8501", "127.0.0.1:8500"  # the addresses in the pages

_BLOCK = re.compile(r"^```(python|sh|bash)\n(.*?)^```\n(?:\s*^```output\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    code: str
    output: str | None


def blocks(text: str) -> list[Block]:
    return [Block(*match.groups()) for match in _BLOCK.finditer(text)]


def pages() -> list[Path]:
    """README and the pages in docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def matches(expected: str, printed: str) -> bool:
    """Whether they are alike but for what `...` stands for."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def rounded(text: str) -> str:
    """The text with its long numbers rounded: the last digits of a score are the processor's own."""
    return re.sub(r"\d\.\d{4,}", lambda number: f"{float(number[0]):.3f}", text)


@dataclass(slots=True)
class Reader:
    """Types the blocks of a page, in one folder. Close it to stop the server that it started last."""

    folder: Path
    _server: subprocess.Popen[str] | None = None
    _log: IO[str] | None = None
    _addresses: dict[str, str] = field(default_factory=dict)

    def read(self, block: Block) -> None:
        """Runs a block. Fails if it fails, or prints something else than the page says."""
        if block.language == "sh" and block.code.startswith("lightship serve"):
            self._serve(shlex.split(block.code, comments=True))
            return
        printed = self._run(block)
        right = block.output is None or matches(rounded(block.output), rounded(printed))
        assert right, f"{block.code}\nprinted:\n{printed}"

    def close(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.communicate(timeout=60)
        if self._log is not None:
            self._log.close()
        self._server = self._log = None

    def _serve(self, words: list[str]) -> None:
        self.close()
        log = self.folder / "server.log"
        self._log = log.open("w")
        command = [BIN / words[0], *words[1:], "--rest-port", "auto", "--json"]
        self._server = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=self._log, text=True, env=_environment()
        )
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, log.read_text()
        ready = json.loads(line)
        assert ready["ready"], ready
        self._addresses = {REST: ready["url"].removeprefix("http://"), GRPC: f"127.0.0.1:{ready['grpc_port']}"}

    def _run(self, block: Block) -> str:
        code = block.code
        for written, meant in self._addresses.items():
            code = code.replace(written, meant)
        command = [sys.executable, "-c", code] if block.language == "python" else ["bash", "-euc", code]
        done = subprocess.run(
            command, cwd=self.folder, env=_environment(), capture_output=True, text=True, timeout=_SECONDS
        )
        assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
        printed = done.stdout
        for written, meant in self._addresses.items():
            printed = printed.replace(meant, written)
        return printed


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
