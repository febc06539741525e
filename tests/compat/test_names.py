"""The modules and names of the official packages, each with the same public names here."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from typing import Any

import pytest

# What is generated besides: other modules, `grpc` among them, by names of their own.
PUBLIC = """
import importlib, pkgutil, tensorflow_serving
for module in pkgutil.walk_packages(tensorflow_serving.__path__, "tensorflow_serving."):
    names = [name for name in dir(importlib.import_module(module.name)) if name[0] != "_" and "_dot_" not in name]
    print(module.name, "package" if module.ispkg else "module", *names)
"""


@pytest.fixture(scope="module")
def theirs() -> dict[str, set[str]]:
    """The public names of each module of tensorflow-serving-api."""
    done = subprocess.run([sys.executable, "-c", PUBLIC], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: set(names) for name, kind, *names in lines if kind == "module"}


@pytest.mark.tensorflow
def test_every_module_and_name_is_here(theirs: dict[str, set[str]]) -> None:
    missing = {}
    for name, names in theirs.items():
        module = importlib.import_module(f"lightship.compat.{name}")
        if absent := names - set(dir(module)):
            missing[name] = absent
    assert missing == {}
    assert len(theirs) == 22


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "name",
    [
        "framework.tensor_pb2",
        "framework.tensor_shape_pb2",
        "framework.types_pb2",
        "example.example_pb2",
        "example.feature_pb2",
        "protobuf.error_codes_pb2",
        "protobuf.meta_graph_pb2",
        "protobuf.named_tensor_pb2",
    ],
)
def test_names_of_tensorflow_mean_the_same(name: str) -> None:
    official = importlib.import_module(f"tensorflow.core.{name}")
    ours = importlib.import_module(f"lightship.compat.tensorflow.core.{name}")
    for one in public(ours):
        here, there = getattr(ours, one), getattr(official, one)
        if isinstance(here, int):
            assert here == there
        else:
            assert here.DESCRIPTOR.full_name == there.DESCRIPTOR.full_name


def public(module: Any) -> list[str]:
    imported = {"Any", "DESCRIPTOR", "enumeration", "file", "message"}
    return [name for name in dir(module) if not name.startswith("_") and name not in imported]


def test_enumerations_have_names_and_values() -> None:
    from lightship.compat.tensorflow.core.framework import types_pb2
    from lightship.compat.tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
    from lightship.compat.tensorflow_serving.config import model_server_config_pb2

    assert types_pb2.DataType.Name(types_pb2.DT_STRING) == "DT_STRING"
    assert ModelVersionStatus.State.Value("AVAILABLE") == ModelVersionStatus.AVAILABLE == 30
    assert model_server_config_pb2.TENSORFLOW == model_server_config_pb2.ModelType.TENSORFLOW == 1


def test_every_module_can_be_imported_first() -> None:
    import lightship.compat

    names = [module.name for module in pkgutil.walk_packages(lightship.compat.__path__, "lightship.compat.")]
    assert len(names) > 30
    for name in names[::7]:
        subprocess.run([sys.executable, "-c", f"import {name}"], check=True, timeout=60)
