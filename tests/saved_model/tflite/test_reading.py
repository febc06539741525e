"""What is read of model.tflite: signatures as clients see them, and bytes that are no such file."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from lightship.errors import DataLoss, NotFound
from lightship.saved_model.tflite import as_saved_model, parse_tflite, read_tflite
from lightship.saved_model.tflite.flatbuffer import BrokenFlatbuffer, Table
from lightship.saved_model.tflite.operations import OPERATIONS, operation_name
from lightship.saved_model.version_model import read_model
from lightship.saved_model.versions import has_model
from lightship.tensors.dtypes import DataType

# y = 2 x, of any number of rows of four floats; without a signature; two signatures on the same weights.
MODELS = Path(__file__).parent / "models"
HALF_PLUS_TWO = Path(__file__).parents[2] / "models/half_plus_two/123"
DOUBLED, NAMELESS, TOY = (MODELS / f"{name}.tflite" for name in ("doubled", "nameless", "toy"))


def version(folder: Path, model: bytes) -> Path:
    (folder / "1").mkdir()
    (folder / "1/model.tflite").write_bytes(model)
    return folder / "1"


def test_signatures_have_the_names_types_and_shapes_of_the_file(tmp_path: Path) -> None:
    signatures = read_tflite(version(tmp_path, TOY.read_bytes())).signatures
    assert list(signatures) == ["echo", "serving_default"]
    (x,) = signatures["serving_default"].inputs.values()
    assert (x.name, x.dtype, x.shape) == ("x", DataType.DT_FLOAT, (-1, 4))
    outputs = signatures["serving_default"].outputs
    assert {name: (one.dtype, one.shape) for name, one in outputs.items()} == {
        "best": (DataType.DT_INT64, (-1,)),
        "scores": (DataType.DT_FLOAT, (-1, 3)),
    }
    assert signatures["echo"].inputs["text"].dtype == DataType.DT_STRING


def test_a_file_without_signatures_has_one_of_its_tensors_names(tmp_path: Path) -> None:
    (signature,) = read_tflite(version(tmp_path, NAMELESS.read_bytes())).signatures.values()
    assert signature.name == "serving_default"
    assert list(signature.inputs) == ["serving_default_x:0"]
    assert list(signature.outputs) == ["PartitionedCall:0"]
    assert signature.method_name == "tensorflow/serving/predict"


def test_a_definition_describes_the_tensors_for_metadata(tmp_path: Path) -> None:
    (signature,) = read_tflite(version(tmp_path, DOUBLED.read_bytes())).signatures.values()
    info = signature.definition.inputs["x"]
    assert (info.name, info.dtype) == ("serving_default_x:0", DataType.DT_FLOAT)
    assert [dim.size for dim in info.tensor_shape.dim] == [-1, 4]


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_tflite(tmp_path)


def test_every_truncation_is_data_loss() -> None:
    whole = TOY.read_bytes()
    for length in range(len(whole)):
        with pytest.raises(DataLoss, match=r"is truncated or not a LiteRT model: .*; copy it again"):
            parse_tflite(whole[:length], Path("m/1"))


def test_changed_bytes_are_read_or_data_loss_and_nothing_else() -> None:
    whole, rng = TOY.read_bytes(), random.Random(4)
    damaged = 0
    for _ in range(4000):
        changed = bytearray(whole)
        for _ in range(rng.choice((1, 2, 4))):
            changed[rng.randrange(len(changed))] = rng.choice((0, 255, rng.randrange(256)))
        try:
            as_saved_model(parse_tflite(bytes(changed), Path("m/1")), Path("m/1"))
        except DataLoss:
            damaged += 1
    assert 1000 < damaged < 4000


def test_a_table_that_is_named_again_and_again_does_not_take_for_ever() -> None:
    count = 3_900_000
    root = struct.pack("<HHHH iI", 6, 8, 4, 0, 8, 4)  # its fields, and a table with an offset to what follows
    end = 4 + len(root) + 4 + 4 * count
    offsets = b"".join(struct.pack("<I", end + 4 - (4 + len(root) + 4 + 4 * index)) for index in range(count))
    data = struct.pack("<I", 12) + root + struct.pack("<I", count) + offsets + struct.pack("<HHi", 4, 8, 4)
    with pytest.raises(BrokenFlatbuffer, match="more than 4,000,000 elements"):
        Table.root(data).tables(0)


@pytest.mark.parametrize("data", [b"", b"\0" * 8, b"<!DOCTYPE html><html>", b"\x08\0\0\0TFL3", b"\xff\xff\xff\xffTFL3"])
def test_other_bytes_are_data_loss(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataLoss, match="model.tflite"):
        read_tflite(version(tmp_path, data))


def test_a_version_with_both_files_is_its_saved_model_unless_asked_otherwise(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(HALF_PLUS_TWO, tmp_path / "1")
    (tmp_path / "1/model.tflite").write_bytes(DOUBLED.read_bytes())
    assert read_model(tmp_path / "1").file == "saved_model.pb"
    assert read_model(tmp_path / "1", prefer_tflite=True).file == "model.tflite"


def test_a_version_with_model_tflite_alone_needs_no_option(tmp_path: Path) -> None:
    folder = version(tmp_path, DOUBLED.read_bytes())
    assert has_model(folder)
    assert read_model(folder).file == "model.tflite"


def test_a_version_without_model_tflite_is_its_saved_model_with_the_option_too() -> None:
    assert read_model(HALF_PLUS_TWO, prefer_tflite=True).file == "saved_model.pb"


@pytest.mark.tensorflow
def test_the_files_of_these_tests_are_those_that_the_code_makes() -> None:
    from tests.tflite_models import checked_in

    for name, made in checked_in().items():
        (ours, theirs) = (
            as_saved_model(parse_tflite(data, Path("m/1")), Path("m/1")).signatures
            for data in ((MODELS / f"{name}.tflite").read_bytes(), made)
        )
        assert {one.name: one.definition for one in ours.values()} == {
            one.name: one.definition for one in theirs.values()
        }


def test_names_of_operations_are_by_number() -> None:
    assert [OPERATIONS.index(name) for name in ("ADD", "CUSTOM", "GATHER", "WHILE", "STABLEHLO_CASE")] == [
        0,
        32,
        36,
        119,
        209,
    ]
    assert operation_name(4711) == "BUILTIN_4711"
