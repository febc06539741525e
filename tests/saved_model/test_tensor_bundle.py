"""The checksums of variables, as TensorFlow writes them for numbers, strings and variants."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.saved_model.test_sorted_table import table_of

from lightship.errors import DataLoss, FailedPrecondition
from lightship.protos import BundleEntryProto, BundleHeaderProto
from lightship.saved_model.checksums import crc32c, masked
from lightship.saved_model.tensor_bundle import check_variables

FLOAT, STRING = 1, 7


@pytest.fixture
def version(half_plus_two: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(half_plus_two / "123", tmp_path / "1"))


def write(version: Path, data: bytes, header: BundleHeaderProto | None = None, **fields: object) -> None:
    """Writes variables with one tensor, called w, whose checksum is that of the data unless it is given."""
    entry = BundleEntryProto(size=len(data), crc32c=masked(crc32c([data])))
    entry.MergeFrom(BundleEntryProto(**fields))
    head = (header or BundleHeaderProto(num_shards=1)).SerializeToString()
    value = entry.SerializeToString()
    block = bytes([0, 0, len(head)]) + head + bytes([0, 1, len(value)]) + b"w" + value + bytes(4) + b"\1\0\0\0"
    folder = version / "variables"
    folder.mkdir(exist_ok=True)
    (folder / "variables.index").write_bytes(table_of(block))
    (folder / "variables.data-00000-of-00001").write_bytes(data)


def shape(*sizes: int) -> dict[str, list[dict[str, int]]]:
    return {"dim": [{"size": size} for size in sizes]}


@pytest.mark.parametrize("model", ["half_plus_two", "identity", "sums", "mixed", "inference", "odd", "numbers"])
def test_what_tensorflow_wrote_passes(saved_models: Path, model: str) -> None:
    """All but `numbers`, which has no variables, have a string: the description of the Python object."""
    for version in (saved_models / model).iterdir():
        check_variables(version)


def test_every_byte_of_the_data_is_covered(version: Path) -> None:
    data = version / "variables" / "variables.data-00000-of-00001"
    intact = data.read_bytes()
    for place in range(len(intact)):
        damaged = bytearray(intact)
        damaged[place] ^= 1 << place % 8
        data.write_bytes(damaged)
        with pytest.raises(DataLoss, match="is damaged: .*; copy the complete version again, or export it again"):
            check_variables(version)


def test_data_that_is_missing_or_too_short_is_named(version: Path) -> None:
    data = version / "variables" / "variables.data-00000-of-00001"
    size = data.stat().st_size
    os.truncate(data, size - 1)
    with pytest.raises(DataLoss, match=f"has {size - 1} bytes, but the tensor .* should end at {size}"):
        check_variables(version)
    data.unlink()
    with pytest.raises(DataLoss, match="variables.data-00000-of-00001 is missing"):
        check_variables(version)


def test_an_index_that_is_no_table_is_named(version: Path) -> None:
    (version / "variables" / "variables.index").write_bytes(b"")
    with pytest.raises(DataLoss, match="variables.index is damaged: it is not a table of tensors"):
        check_variables(version)


def test_a_model_without_variables_passes(tmp_path: Path) -> None:
    check_variables(tmp_path)


def test_a_fifo_is_not_waited_for(version: Path) -> None:
    data = version / "variables" / "variables.data-00000-of-00001"
    data.unlink()
    os.mkfifo(data)
    with pytest.raises(FailedPrecondition, match="is not a file"):
        check_variables(version)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"shape": shape(3)}, "it has 8 bytes, but its shape needs 12"),
        ({"shape": shape(1 << 60, 1 << 60)}, "it has 8 bytes, but its shape needs"),
        ({"shape": shape(2), "crc32c": 1}, "its checksum does not match"),
        ({"shape": shape(2), "size": 1 << 60}, "should end at 1152921504606846976"),
        ({"shape": shape(2), "offset": -1}, "the place of the tensor w is none"),
        ({"shape": shape(-2)}, "the place of the tensor w is none"),
        ({"shape": shape(2), "shard_id": 1}, "the place of the tensor w is none"),
        ({"shape": shape(1 << 40), "dtype": STRING}, "1099511627776 texts cannot be in 8 bytes"),
        ({"shape": shape(2), "dtype": STRING}, "the checksum of its lengths does not match"),
        ({"shape": shape(8), "dtype": STRING, "size": 8}, "its lengths are cut off"),
    ],
)
def test_an_entry_that_claims_what_cannot_be_is_refused(tmp_path: Path, fields: dict[str, object], text: str) -> None:
    data = b"\xff" * 8 if "cut off" in text else b"\1\2\3\4\5\6\7\0"
    write(tmp_path, data, **{"dtype": FLOAT, **fields})
    with pytest.raises(DataLoss, match=text):
        check_variables(tmp_path)


def test_a_number_of_files_that_cannot_be_is_refused(tmp_path: Path) -> None:
    write(tmp_path, bytes(8), BundleHeaderProto(num_shards=2**31 - 1), dtype=FLOAT, shape=shape(2))
    with pytest.raises(DataLoss, match="claims to have 2147483647 data files"):
        check_variables(tmp_path)


def test_a_tensor_of_references_is_checked_as_its_type(tmp_path: Path) -> None:
    write(tmp_path, bytes(8), dtype=FLOAT + 100, shape=shape(2))
    check_variables(tmp_path)


def test_strings_of_any_length(tmp_path: Path) -> None:
    texts = [b"", b"a", b"b" * 127, b"c" * 128, b"d" * 20_000]
    lengths = b"".join(len(text).to_bytes(4, "little") for text in texts)
    stored = masked(crc32c([lengths])).to_bytes(4, "little")
    varints = b"\0\1\x7f\x80\1\xa0\x9c\1"
    data = varints + stored + b"".join(texts)
    checksum = masked(crc32c([lengths, stored, *texts]))
    write(tmp_path, data, dtype=STRING, shape=shape(5), crc32c=checksum)
    check_variables(tmp_path)
    write(tmp_path, data[:-1] + b"e", dtype=STRING, shape=shape(5), crc32c=checksum)
    with pytest.raises(DataLoss, match="its checksum does not match"):
        check_variables(tmp_path)


@pytest.mark.tensorflow
def test_types_shards_slices_and_variants_that_tensorflow_wrote(tmp_path: Path) -> None:
    import tensorflow as tf

    variant = tf.raw_ops.TensorListSetItem(
        input_handle=tf.raw_ops.TensorListReserve(
            element_shape=tf.constant([2]), num_elements=2, element_dtype=tf.float32
        ),
        index=0,
        item=tf.constant([1.0, 2.0]),
    )
    tensors = {
        "strings": tf.constant([["a", "bcd"], ["", "x" * 300]]),
        "variants": tf.stack([variant, variant]),
        "half": tf.constant([1.5], tf.bfloat16),
        "complex": tf.constant([1 + 2j], tf.complex128),
        "bool": tf.constant([True, False]),
        "four": tf.cast(tf.constant([1, 2, 3], tf.int8), tf.dtypes.experimental.int4),
        "none": tf.zeros([0, 3]),
    }
    (tmp_path / "variables").mkdir()
    prefixes = [str(tmp_path / "part-1"), str(tmp_path / "part-2")]
    names = list(tensors)
    tf.raw_ops.SaveV2(
        prefix=prefixes[0], tensor_names=names, shape_and_slices=[""] * len(names), tensors=list(tensors.values())
    )
    tf.raw_ops.SaveV2(
        prefix=prefixes[1],
        tensor_names=["sliced", "sliced"],
        shape_and_slices=["4 2 0,2:-", "4 2 2,2:-"],
        tensors=[tf.ones([2, 2]), tf.zeros([2, 2])],
    )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=prefixes, destination_prefix=str(tmp_path / "variables" / "variables")
    )
    check_variables(tmp_path)
    second = tmp_path / "variables" / "variables.data-00001-of-00002"
    second.write_bytes(second.read_bytes()[:-1] + b"\1")
    with pytest.raises(DataLoss, match="data-00001-of-00002: the tensor .*sliced.* is damaged"):
        check_variables(tmp_path)
