"""The private pool beside TensorFlow's messages and TensorFlow Serving's own package, in one process."""

from __future__ import annotations

import subprocess
import sys

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


@pytest.mark.parametrize("imports", [[OURS, PACKAGE, TENSORFLOW], [PACKAGE, TENSORFLOW, OURS]])
def test_tensorflow_servings_own_package_does_not_clash(imports: list[str]) -> None:
    run(*imports, EXCHANGE)


FIELDS = """
import importlib, pkgutil, tensorflow_serving

def fields(message):
    return {one.name: (one.number, one.type, one.is_repeated, one.has_presence) for one in message.fields}

def compare(theirs, ours):
    missing.extend(f"{theirs.name}.{name}" for name, kind in fields(theirs).items() if fields(ours).get(name) != kind)
    for name, nested in theirs.nested_types_by_name.items():
        compare(nested, ours.nested_types_by_name[name])
    for name, enumeration in theirs.enum_types_by_name.items():
        assert enumeration.values_by_name.keys() == ours.enum_types_by_name[name].values_by_name.keys()

missing, count = [], 0
for module in pkgutil.walk_packages(tensorflow_serving.__path__, "tensorflow_serving."):
    if module.name.endswith("_pb2"):
        for message in importlib.import_module(module.name).DESCRIPTOR.message_types_by_name.values():
            compare(message, ours.message(message.full_name).DESCRIPTOR)
            count += 1
assert count > 40
assert missing == ["SessionRunRequest.options", "SessionRunResponse.metadata"], missing
"""


def test_every_field_of_the_package_is_the_same_here() -> None:
    run(OURS, FIELDS)
