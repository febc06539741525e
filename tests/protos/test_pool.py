"""The private pool beside TensorFlow's messages and TensorFlow Serving's own package, in one process."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

OURS = "import lightship.protos as ours"
TENSORFLOW = "import tensorflow as tf"
# TensorFlow Serving's messages in the default pool, as its package registers them; TensorFlow's own are there already.
DEFAULT_POOL = """
from importlib.resources import files
from google.protobuf import any_pb2, wrappers_pb2, descriptor_pb2, descriptor_pool, message_factory
described = files("lightship.protos").joinpath("descriptors.binpb").read_bytes()
pool = descriptor_pool.Default()
import tensorflow.core.protobuf.meta_graph_pb2, tensorflow.core.protobuf.error_codes_pb2
import tensorflow.core.example.example_pb2, tensorflow.core.protobuf.named_tensor_pb2
for file in descriptor_pb2.FileDescriptorSet.FromString(described).file:
    if file.name.startswith("tensorflow_serving/apis/") and "session" not in file.name and "log" not in file.name:
        if "model_management" not in file.name and "model_service" not in file.name:
            pool.Add(file)
name = "tensorflow.serving.PredictRequest"
Theirs = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
"""
PACKAGE = "from tensorflow_serving.apis.predict_pb2 import PredictRequest as Theirs"
EXCHANGE = """
import numpy as np
theirs = Theirs(output_filter=["y"])
theirs.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([[1.0, 2.0]])))
theirs.model_spec.version.value = 3
read = ours.PredictRequest.FromString(theirs.SerializeToString())
assert (read.model_spec.version.value, list(read.output_filter)) == (3, ["y"]), read
back = Theirs.FromString(read.SerializeToString())
assert back == theirs
assert ours.PredictRequest.DESCRIPTOR is not Theirs.DESCRIPTOR
"""


def run(*lines: str) -> None:
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("imports", [[OURS, TENSORFLOW, DEFAULT_POOL], [TENSORFLOW, DEFAULT_POOL, OURS]])
def test_the_same_messages_in_the_default_pool_do_not_clash(imports: list[str]) -> None:
    run(*imports, EXCHANGE)


@pytest.mark.skipif(find_spec("tensorflow_serving") is None, reason="tensorflow-serving-api is not installed")
@pytest.mark.parametrize("imports", [[OURS, PACKAGE, TENSORFLOW], [PACKAGE, TENSORFLOW, OURS]])
def test_tensorflow_servings_own_package_does_not_clash(imports: list[str]) -> None:
    run(*imports, EXCHANGE)


@pytest.mark.skipif(find_spec("tensorflow_serving") is None, reason="tensorflow-serving-api is not installed")
def test_every_field_of_the_package_is_the_same_here() -> None:
    run(
        OURS,
        "from tensorflow_serving.apis import model_service_pb2, prediction_log_pb2, prediction_service_pb2",
        "def fields(message):",
        "    return {one.name: (one.number, one.type, one.is_repeated) for one in message.fields}",
        "missing = []",
        "for file in (model_service_pb2, prediction_log_pb2, prediction_service_pb2):",
        "    for part in [file.DESCRIPTOR, *file.DESCRIPTOR.dependencies]:",
        "        if not part.name.startswith('tensorflow_serving/apis'): continue",
        "        for name, message in part.message_types_by_name.items():",
        "            here = fields(ours.message(message.full_name).DESCRIPTOR)",
        "            for field, kind in fields(message).items():",
        "                if here.get(field) != kind: missing.append(f'{name}.{field}')",
        "assert missing == ['SessionRunRequest.options', 'SessionRunResponse.metadata'], missing",
    )
