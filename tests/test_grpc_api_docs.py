"""The code blocks of docs/grpc_api.md, run against the server that it speaks of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.compat.test_grpc_js import PROTOS, modules, program
from tests.test_readme import ROOT, Block, blocks

from lightship.server import Server, serve

__all__ = ["modules"]

TEXT = (ROOT / "docs" / "grpc_api.md").read_text()
EXAMPLES = [block for block in blocks(TEXT) if "8500" in block.code]
JAVASCRIPT = re.compile(r"^```js\n(.*?)^```\n```output\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(half_plus_two, rest_port=0, grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def printed(server: Server, code: str, *command: str, **environment: str) -> str:
    code = code.replace("127.0.0.1:8500", server.grpc_address)
    done = subprocess.run(
        [*command, "-", str(PROTOS)],
        input=code,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("block", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_it_says(block: Block, server: Server) -> None:
    assert block.language == "python"
    assert printed(server, block.code, sys.executable) == block.output


def test_the_second_example_is_the_first_with_other_imports() -> None:
    with_tensorflow, without = (block.code.splitlines() for block in EXAMPLES[:2])
    assert [line for line in with_tensorflow if line not in without] == [
        "import tensorflow as tf",
        "from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc",
    ]


def test_the_example_for_node_prints_what_it_says(modules: Path, server: Server) -> None:
    ((code, output),) = JAVASCRIPT.findall(TEXT)
    assert printed(server, code, program("node"), NODE_PATH=str(modules / "node_modules")) == output
