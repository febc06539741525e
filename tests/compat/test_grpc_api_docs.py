"""The code blocks of docs/reference/grpc.md, run against the server that it speaks of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.programs import program
from tests.test_readme import BIN, ROOT, Block, blocks

import lightship.protos
from lightship.server import Server, serve

PROTOS = Path(lightship.protos.__file__).parent
TEXT = (ROOT / "docs" / "reference" / "grpc.md").read_text()
EXAMPLES = [block for block in blocks(TEXT) if "8500" in block.code]
JAVASCRIPT = re.compile(r"^```js\n(.*?)^```\n```output\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(half_plus_two, rest_port=0, grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def printed(server: Server, code: str, *command: str, **environment: str) -> str:
    """What the code prints, asking this server; the folder of the .proto files is its argument."""
    code = code.replace("127.0.0.1:8500", server.grpc_address)
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environment
    done = subprocess.run(
        [*command, "-", str(PROTOS)], input=code, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.tensorflow
@pytest.mark.parametrize("block", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(block: Block, server: Server) -> None:
    command = [sys.executable] if block.language == "python" else ["bash", "-eus"]
    assert printed(server, block.code, *command) == block.output


def test_the_example_without_tensorflow_differs_in_its_imports() -> None:
    with_tensorflow, without = (block.code.splitlines() for block in EXAMPLES[1:3])
    assert [line for line in with_tensorflow if line not in without] == [
        "import tensorflow as tf",
        "from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc",
    ]


def test_the_example_for_node_prints_what_it_says(modules: Path, server: Server) -> None:
    ((code, output),) = JAVASCRIPT.findall(TEXT)
    assert printed(server, code, program("node"), NODE_PATH=str(modules / "node_modules")) == output
