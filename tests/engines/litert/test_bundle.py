"""A model.tflite beside what Lightship exported: labels for photos, and the golden check."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from tests.packaging.conftest import PETS, SPEC

import lightship
from lightship.engines import EngineOptions
from lightship.errors import DataLoss
from lightship.lifecycle.loader import Loader, LoadOptions
from lightship.lifecycle.servable import ServableId

pytest.importorskip("ai_edge_litert")

PREFERRED = LoadOptions(EngineOptions(prefer_tflite=True))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier's version with its model.tflite."""
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [layers.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, "softmax")]
    )
    version = lightship.export(model, tmp_path_factory.mktemp("pets"), classes=PETS, image=SPEC)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(version), signature_keys=["serving_default"])
    (version / "model.tflite").write_bytes(converter.convert())
    return version


def test_labels_and_images_are_kept_and_the_golden_sample_is_checked(exported: Path) -> None:
    servable = Loader(PREFERRED).load(ServableId("pets", 1), exported)
    try:
        (report,) = servable.engine.reports()
        assert (report.engine, report.proof) == ("litert", "golden sample")
        assert servable.bundle.labels == tuple(PETS)
        assert servable.bundle.image is not None
        assert servable.bundle.image_signatures == frozenset()
        assert servable.bundle.explain is None
    finally:
        servable.close()


def test_without_the_option_nothing_changes(exported: Path) -> None:
    servable = Loader().load(ServableId("pets", 1), exported)
    try:
        assert "image_bytes" in servable.bundle.image_signatures
        assert servable.engine.name == "openvino"
    finally:
        servable.close()


def test_a_file_whose_answers_are_wrong_by_a_hundredth_is_not_loaded(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "1")
    saved = tf.saved_model.load(str(exported))
    signature = saved.signatures["serving_default"]
    (name,), (output,) = signature.structured_input_signature[1], signature.structured_outputs

    class Wrong(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 16, 16, 3], tf.float32, name=name)])
        def answer(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {output: signature(**{name: x})[output] + 0.01}

    wrong = Wrong()
    wrong.saved = saved
    tf.saved_model.save(wrong, str(tmp_path / "wrong"), signatures=wrong.answer)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "wrong"))
    (tmp_path / "1/model.tflite").write_bytes(converter.convert())
    with pytest.raises(DataLoss, match="does not give the trained model's answers"):
        Loader(PREFERRED).load(ServableId("pets", 1), tmp_path / "1")
