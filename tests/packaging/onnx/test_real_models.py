"""Real networks and the dog model answer on onnxruntime as TensorFlow does. On the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tf2onnx")
import tensorflow as tf  # noqa: F401 - it needs TensorFlow
from benchmarks.gpu_models import images, keras_model

import lightship
from lightship.bundle.manifest import Manifest, renew_digests
from lightship.engines import EngineOptions, load_engine
from lightship.errors import DataLoss
from lightship.lifecycle.loader import Loader, LoadOptions
from lightship.lifecycle.servable import ServableId
from lightship.packaging.onnx import add_onnx
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.version_folder import find_version


def answers(version: Path, engine: str, inputs: Mapping[str, Any]) -> Any:
    """The only output, by an engine that must be the one that runs."""
    loaded = load_engine(version, read_saved_model(version), EngineOptions(engine=engine))
    try:
        (output,) = loaded.run("serving_default", inputs).values()
        assert loaded.engine_of("serving_default") == engine
        return output
    finally:
        loaded.close()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "size"), [("MobileNetV2", 96), ("EfficientNetB0", 64), ("ResNet50V2", 64)])
def test_an_exported_network_answers_as_tensorflow(tmp_path: Path, name: str, size: int) -> None:
    model = keras_model(name, size)
    version = lightship.export(model, tmp_path / "model", image=False, explain=False, onnx=True)
    Manifest.read(version).verify(version)
    assert Manifest.read(version).covers("assets.extra/model.onnx")
    inputs = {next(iter(read_saved_model(version).signatures["serving_default"].inputs)): images(3, size, seed=7)}
    wanted, found = answers(version, "tensorflow", inputs), answers(version, "onnxruntime", inputs)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3  # else the comparison would say nothing
    assert np.abs(found - wanted).max() < 1e-4  # both round, differently on each processor
    assert np.abs(answers(version, "openvino", inputs) - found).max() < 1e-4


@pytest.fixture(scope="module")
def dog(dog_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version folder of the dog model, converted."""
    version = tmp_path_factory.mktemp("models") / "dog" / "1"
    shutil.copytree(dog_bundle / "1", version)
    made = {one.signature: one for one in add_onnx(find_version(version), ["f32"], False)}
    assert made["serving_default"].file == "model.onnx"
    assert "strings" in made["image_bytes"].reason
    return version


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_dog_answers_as_tensorflow(dog: Path) -> None:
    inputs = {next(iter(read_saved_model(dog).signatures["serving_default"].inputs)): images(3, 160)}
    wanted, found = answers(dog, "tensorflow", inputs), answers(dog, "onnxruntime", inputs)
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_dog_that_is_wrong_by_a_hundredth_never_answers(dog: Path, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    version = tmp_path / "dog" / "1"
    shutil.copytree(dog, version)
    file = version / "assets.extra/model.onnx"
    model = onnx.load(str(file))
    largest = max(model.graph.initializer, key=lambda one: numpy_helper.to_array(one).size)
    largest.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(largest) + np.float32(0.01), largest.name))
    onnx.save(model, str(file))
    renew_digests(version, {"assets.extra/model.onnx": Digests(version).of("assets.extra/model.onnx")})
    loader = Loader(LoadOptions(engine=EngineOptions(engine="onnxruntime")))
    with pytest.raises(DataLoss, match="does not give the trained model's answers"):
        loader.load(ServableId("dog", 1), version)
