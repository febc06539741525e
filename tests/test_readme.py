"""README's code blocks, run in order in a folder as `make demo` leaves it; `output` is what must be printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
BLOCK = re.compile(r"^```(python|sh|bash)\n(.*?)^```\n(?:\s*^```output\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
CONTAINERS = "bash"  # the language of blocks that need a Docker Engine; tests/docker runs them


@dataclass(frozen=True, slots=True)
class Block:
    language: str
    code: str
    output: str | None


def blocks(text: str) -> list[Block]:
    return [Block(*match.groups()) for match in BLOCK.finditer(text)]


ALL = blocks((ROOT / "README.md").read_text())
README = [block for block in ALL if block.language != CONTAINERS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, dog_bundle: Path, dog_photo: Path) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(dog_bundle, folder / "models" / "dog")
    (folder / "photos").mkdir()
    shutil.copyfile(dog_photo, folder / "photos" / "dog.jpg")
    (folder / "classes.txt").write_text("convertible\npickup\nvan\n")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[dict[str, str]]:
    """What README's `lightship serve models/dog` starts, but on free ports: which host:port stands for which."""
    import json

    command = [BIN / "lightship", "serve", "models/dog", "--rest-port", "auto", "--json"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        rest, grpc = ready["url"].removeprefix("http://"), f"127.0.0.1:{ready['grpc_port']}"
        yield {"127.0.0.1:8501": rest, "127.0.0.1:8500": grpc}
        process.terminate()


def run(block: Block, folder: Path, server: dict[str, str]) -> str:
    code = block.code
    for written, meant in server.items():
        code = code.replace(written, meant)
    command = [sys.executable, "-c", code] if block.language == "python" else ["bash", "-euc", code]
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def matches(expected: str, printed: str) -> bool:
    """Whether they are alike but for what `...` stands for."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.parametrize("block", README, ids=[f"{block.language}-{n}" for n, block in enumerate(README)])
def test_a_block_does_what_it_says(block: Block, folder: Path, server: dict[str, str]) -> None:
    if block.code.startswith("lightship serve"):
        assert block.code == "lightship serve models/dog\n"  # the fixture's
        return
    if "my_model.keras" in block.code:
        make_model(folder / "my_model.keras")
    printed = run(block, folder, server)
    assert block.output is None or matches(block.output, printed), printed


def make_model(path: Path) -> None:
    import keras

    layers = [keras.Input((32, 32, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")]
    keras.Sequential(layers).save(path)


def test_the_readme_has_blocks_of_each_kind() -> None:
    assert {block.language for block in README} == {"python", "sh"}
    assert sum(block.output is not None for block in README) >= 4
