"""What `saved_model.pb` says, held against TensorFlow's own reader."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lightship import protos
from lightship.errors import DataLoss, LightshipError, NotFound, Unimplemented
from lightship.saved_model.reader import read_saved_model, with_only_signature
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType


@pytest.fixture
def version(half_plus_two: Path) -> Path:
    return half_plus_two / "123"


def test_signatures_are_all_there(version: Path) -> None:
    model = read_saved_model(version)
    assert list(model.signatures) == ["__saved_model_init_op", "classify_x_to_y", "regress_x_to_y", "serving_default"]
    default = model.signatures["serving_default"]
    assert default.inputs == {"x": TensorSpec("x", DataType.DT_FLOAT, (-1, 1), "serving_default_x:0")}
    assert default.method_name == default.definition.method_name == "tensorflow/serving/predict"


@pytest.mark.tensorflow
def test_what_it_reads_is_what_tensorflow_reads(version: Path) -> None:
    import tensorflow as tf

    model = read_saved_model(version)
    assert model.tensorflow_version == tf.__version__
    signatures = tf.saved_model.load(str(version)).signatures
    for name, function in signatures.items():
        wanted = {key: DataType(spec.dtype.as_datatype_enum) for key, spec in function.structured_outputs.items()}
        assert {key: spec.dtype for key, spec in model.signatures[name].outputs.items()} == wanted


def test_operations_include_those_of_functions(version: Path) -> None:
    operations = read_saved_model(version).operations
    assert {"ParseExampleV2", "Mul", "VarHandleOp"} <= operations
    assert not [name for name in operations if name.startswith("__inference")]


def test_one_signature_alone_is_called_serving_default(version: Path) -> None:
    original = (version / "saved_model.pb").read_bytes()
    graph = protos.SavedModel.FromString(with_only_signature(original, "regress_x_to_y")).meta_graphs[0]
    assert list(graph.signature_def) == ["serving_default"]
    assert list(graph.signature_def["serving_default"].outputs) == ["outputs"]
    assert graph.graph_def == protos.SavedModel.FromString(original).meta_graphs[0].graph_def


def test_a_signature_that_is_not_there_is_named(version: Path) -> None:
    with pytest.raises(NotFound, match='"nope"; it has __saved_model_init_op, classify'):
        with_only_signature((version / "saved_model.pb").read_bytes(), "nope")


def test_a_folder_without_a_saved_model_gets_tensorflow_servings_text(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        read_saved_model(tmp_path)
    assert caught.value.message == (
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
        f"`saved_model.pb`)\nSpecified file path: {tmp_path}"
    )


@pytest.mark.parametrize("keep", [0, 1000])
def test_a_truncated_file_is_an_error(version: Path, tmp_path: Path, keep: int) -> None:
    shutil.copy(version / "saved_model.pb", tmp_path)
    with (tmp_path / "saved_model.pb").open("r+b") as file:
        file.truncate(keep)
    with pytest.raises(DataLoss, match=str(tmp_path)):
        read_saved_model(tmp_path)


def test_tags_must_match_exactly(version: Path) -> None:
    text = r"Could not find meta graph def matching supplied tags: \{ serve gpu \}.*the tags: serve"
    with pytest.raises(NotFound, match=text):
        read_saved_model(version, ("serve", "gpu"))


def test_what_was_exported_before_there_were_saved_models_is_named(tmp_path: Path) -> None:
    (tmp_path / "export.meta").write_text("")
    with pytest.raises(Unimplemented, match=r"^Session Bundle is deprecated and removed\.$"):
        read_saved_model(tmp_path)


def test_a_plain_file_called_like_a_version_fails(tmp_path: Path) -> None:
    (tmp_path / "7").write_text("")
    with pytest.raises(LightshipError, match="does not appear to contain a SavedModel"):
        read_saved_model(tmp_path / "7")
