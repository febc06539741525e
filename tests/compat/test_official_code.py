"""Code written for the official stubs, in a process of its own: as it stands, and with other heads of its imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.compat.answers import ANSWERS
from tests.compat.conftest import Served

SCRIPT = Path(__file__).with_name("official_code.py")
IMPORTS = re.compile(r"^(from |import )(?=tensorflow)", re.MULTILINE)


def changed(code: str) -> str:
    """The code with other heads of its imports, and nothing else."""
    alias = code.replace("import tensorflow as tf", "from lightship.compat import tensorflow as tf")
    return IMPORTS.sub(r"\1lightship.compat.", alias)


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-", *arguments], input=code, capture_output=True, text=True, timeout=120)


@pytest.fixture(params=["official", "lightship.compat"])
def code(request: pytest.FixtureRequest) -> str:
    written = SCRIPT.read_text()
    if request.param == "lightship.compat":
        return changed(written)
    if find_spec("tensorflow_serving") is None:
        pytest.fail("tensorflow-serving-api is missing: `make setup` installs it")
    return written


@pytest.mark.tensorflow
def test_every_method_is_answered(code: str, served: Served) -> None:
    done = run(code, served.address, str(served.folder), *served.keys)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ANSWERS


@pytest.mark.tensorflow
@pytest.mark.parametrize("served", ["mutual"], indirect=True)
def test_mutual_tls_refuses_who_has_no_certificate(code: str, served: Served) -> None:
    done = run(code, served.address, str(served.folder), served.keys[0])
    assert (done.returncode, done.stdout) == (1, "")
    assert "StatusCode.UNAVAILABLE" in done.stderr


def test_nothing_but_the_heads_is_changed() -> None:
    written = SCRIPT.read_text().splitlines()
    differing = [line for line in written if line not in changed(SCRIPT.read_text()).splitlines()]
    assert differing == [
        "import tensorflow as tf",
        "from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2",
        "from tensorflow_serving.apis import (",
        "from tensorflow_serving.config import model_server_config_pb2",
    ]


def test_it_needs_numpy_protobuf_and_grpcio_alone() -> None:
    head = changed(SCRIPT.read_text()).split("MODEL = ")[0]
    done = run(f"{head}\nprint(*{{name.split('.')[0] for name in sys.modules}} - sys.stdlib_module_names)")
    assert done.returncode == 0, done.stderr
    ours = {name for name in done.stdout.split() if not name.startswith(("_", "cython", "grpc_"))}  # grpc's neighbours
    ours -= {"sitecustomize", "coverage", "$coverage"}  # what make test-fast and make coverage bring
    assert ours == {"google", "grpc", "lightship", "numpy", "typing_extensions"}
