"""The code blocks of docs/rest_api.md, run against the server that it speaks of."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_readme import ROOT, Block, blocks, matches

from lightship.server import Server, serve

EXAMPLES = blocks((ROOT / "docs" / "rest_api.md").read_text())


@pytest.fixture(scope="module")
def server(dog_bundle: Path, half_plus_two: Path) -> Iterator[Server]:
    with serve(dog_bundle, half_plus_two, rest_port="auto") as running:
        assert running.wait_ready(120)
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dog_photo: Path) -> Path:
    folder = tmp_path_factory.mktemp("rest")
    (folder / "photos").mkdir()
    (folder / "photos" / "dog.jpg").symlink_to(dog_photo)
    return folder


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("block", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(block: Block, folder: Path, server: Server) -> None:
    code = block.code.replace("127.0.0.1:8501", f"127.0.0.1:{server.rest_port}")
    command = [sys.executable, "-c", code] if block.language == "python" else ["bash", "-euc", code]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert printed.returncode == 0, printed.stderr
    assert block.output is not None
    assert matches(rounded(block.output), rounded(printed.stdout)), printed.stdout


def rounded(text: str) -> str:
    """The last digits of a score are the processor's own."""
    return re.sub(r"\d\.\d{4,}", lambda number: f"{float(number[0]):.3f}", text)
