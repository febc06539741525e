"""What docs/reference/grpc.md says of other languages and of the stubs. tests/docs runs its other blocks."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.blocks import GRPC, ROOT, blocks
from tests.programs import program

import lightship.protos
from lightship.server import Server, serve

PROTOS = Path(lightship.protos.__file__).parent
TEXT = (ROOT / "docs" / "reference" / "grpc.md").read_text()
JAVASCRIPT = re.compile(r"^```js\n(.*?)^```\n```output\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    with serve(half_plus_two, rest_port=0, grpc_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def test_the_example_without_tensorflow_differs_in_its_imports() -> None:
    examples = [block.code.splitlines() for block in blocks(TEXT) if "make_tensor_proto" in block.code]
    with_tensorflow, without = examples
    assert [line for line in with_tensorflow if line not in without] == [
        "import tensorflow as tf",
        "from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc",
    ]


def test_the_example_for_node_prints_what_it_says(modules: Path, server: Server) -> None:
    ((code, output),) = JAVASCRIPT.findall(TEXT)
    done = subprocess.run(
        [program("node"), "-", str(PROTOS)],
        input=code.replace(GRPC, server.grpc_address),
        env=os.environ | {"NODE_PATH": str(modules / "node_modules")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == output
