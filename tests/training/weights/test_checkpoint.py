"""Checkpoints of PyTorch become arrays; what is damaged, hostile or something else is refused and never run."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tests.training.weights.checkpoints import (
    MAGIC,
    SYSTEM,
    Call,
    Name,
    Persistent,
    Raw,
    pickled,
    state_dict,
    storage,
    tensor,
    write_legacy,
    write_zip,
)

from lightship.errors import InvalidArgument, LightshipError, NotFound, TooLarge
from lightship.training.weights import checkpoint, tensor_pickle
from lightship.training.weights.checkpoint import read_checkpoint

DATA = Path(__file__).parent / "data"
ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "bn.running_mean": np.array([0.5, -1.5]),
    "bn.num_batches_tracked": np.array(7),
    "half": np.array([[1, 2]], np.float16),
}
WRITERS = {"zip": write_zip, "legacy": write_legacy}
Write = Callable[..., Path]


@pytest.fixture(params=sorted(WRITERS))
def write(request: pytest.FixtureRequest) -> Write:
    return WRITERS[request.param]


def refused(path: Path, reason: str, error: type[LightshipError] = InvalidArgument) -> None:
    with pytest.raises(error, match=reason) as raised:
        read_checkpoint(path)
    assert str(path) in raised.value.message


def test_tensors_come_with_their_names_shapes_and_dtypes(write: Write, tmp_path: Path) -> None:
    found = read_checkpoint(write(tmp_path / "a.pth", ARRAYS))
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_files_that_pytorch_wrote_are_read(name: str) -> None:
    """`data/make.py` wrote them."""
    found = read_checkpoint(DATA / name)
    whole = np.arange(12, dtype=np.float32).reshape(3, 4) / 4
    expected = {
        "float": whole,
        "transposed": whole.T,
        "part": whole[1:, 2:],
        "scalar": np.float32(2.5),
        "empty": np.empty((0, 3), np.float32),
        "parameter": whole[0],
        "double": whole.astype(np.float64),
        "half": whole.astype(np.float16),
        "bfloat16": whole.astype(ml_dtypes.bfloat16),
        "long": np.array([-(2**40), 3]),
        "int": np.array([-3, 3], np.int32),
        "short": np.array([-3, 3], np.int16),
        "char": np.array([-3, 3], np.int8),
        "byte": np.array([3, 200], np.uint8),
        "bool": np.array([True, False]),
    }
    assert list(found) == list(expected)
    for key, array in expected.items():
        assert found[key].dtype == array.dtype
        np.testing.assert_array_equal(found[key], array)


def test_arrays_cannot_be_written_to(write: Write, tmp_path: Path) -> None:
    found = read_checkpoint(write(tmp_path / "a.pth", ARRAYS))
    with pytest.raises(ValueError, match="read-only"):
        found["half"][0] = 1


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_the_weights_in_a_larger_checkpoint_are_found(write: Write, tmp_path: Path, key: str) -> None:
    value = {"epoch": 3, key: state_dict(ARRAYS, legacy=write is write_legacy), "optimizer": {"groups": [0.1, None]}}
    value["optimizer"] = {"groups": [1, None]}
    assert list(read_checkpoint(write(tmp_path / "a.pth", ARRAYS, value))) == list(ARRAYS)


def test_the_prefix_of_parallel_training_is_removed(write: Write, tmp_path: Path) -> None:
    named = {f"module.{name}": array for name, array in ARRAYS.items()}
    assert list(read_checkpoint(write(tmp_path / "a.pth", named))) == list(ARRAYS)


def test_a_parameter_is_its_tensor(tmp_path: Path) -> None:
    parameter = Call(Name("torch._utils", "_rebuild_parameter"), (tensor(storage("0", 2), (2,), (1,)), True, None))
    path = write_zip(tmp_path / "a.pth", {"a": np.array([1, 2], np.float32)}, {"a": parameter})
    assert read_checkpoint(path)["a"].tolist() == [1, 2]


class Runs:
    """A pickle of it makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._path),)


def test_a_pickle_that_runs_something_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    hostile, made = tmp_path / "a.pth", tmp_path / "made"
    for protocol in range(2, 6):
        hostile.write_bytes(pickle.dumps(Runs(made), protocol))
        refused(hostile, r"the pickle names (posix|nt)\.mkdir, which no tensor needs; nothing in it was run")
    assert not made.exists()
    pickle.loads(hostile.read_bytes())
    assert made.exists()


@pytest.mark.parametrize(
    "path",
    [
        *("builtins.eval", "os.system", "torch._utils._rebuild_wrapper_subclass", "torch.hub.load"),
        *("torch.storage._load_from_bytes", "numpy.core.multiarray._reconstruct", "collections.OrderedDict.fromkeys"),
        *("lightship.training.weights.checkpoint.read_checkpoint", "torch.nn.modules.conv.Conv2d"),
    ],
)
@pytest.mark.parametrize("form", ["name", "call", "by stack"])
def test_only_what_tensors_need_may_be_named(write: Write, tmp_path: Path, path: str, form: str) -> None:
    module, _, name = path.rpartition(".")
    by_stack = Raw(pickled(module)[2:-1] + pickled(name)[2:-1] + b"\x93")
    value = {"name": Name(module, name), "call": Call(Name(module, name), ("1",)), "by stack": by_stack}[form]
    refused(write(tmp_path / "a.pth", {}, {"a": value}), f"the pickle names {path}, which no tensor needs")


NESTED = b")" + b"\x85" * 400_000
SHARED = {"b": tensor(storage("0", 4), (1,), (1,)), "c": tensor(storage("0", 3), (1,), (1,))}
HOSTILE = {
    "a call of text": (Call("os.system", ("true",)), "calls a value of type str"),
    "a call of a class of storages": (Call(Name("torch", "FloatStorage"), (10**9,)), "calls torch.FloatStorage with"),
    "a dictionary from values": (Call(Name("collections", "OrderedDict"), ([("a", 1)],)), "calls collections.Ordered"),
    "attributes of a name": (Raw(b"ctorch\nFloatStorage\n}b"), "sets attributes of torch.FloatStorage"),
    "attributes of a tensor": (
        Raw(pickled(tensor(storage("0", 1), (1,), (1,)))[2:-1] + b"}b"),
        "sets attributes of a value of type TensorView",
    ),
    "a name without text": (Raw(b"))\x93"), r"names \(\) as a module"),
    "a storage without text": (Persistent(("storage", "FloatStorage", "0", "cpu", 1)), "not a storage of numbers"),
    "another persistent id": (Persistent("storage"), "not a storage of numbers"),
    "a negative storage": (storage("0", -1), "not a storage of numbers"),
    "an extension": (Raw(b"\x82\x01"), "uses EXT1"),
    "an old instance": (Raw(b"(cos\nsystem\no"), "names os.system"),
    "an instance by name": (Raw(b"(ios\nsystem\n"), "uses INST"),
    "a new object": (Raw(b"ctorch\nFloatStorage\n)\x81"), "uses NEWOBJ"),
    "a memo that is not there": (Raw(b"h\x07"), "is broken"),
    "a far memo": (Raw(b"Nr\xff\xff\xff\xff"), "remembers a value at 4294967295"),
    "an empty stack": (Raw(b"0"), "uses POP"),
    "items of a text": (Raw(pickled("a")[2:-1] + b"(NNu"), "sets items of a value of type str"),
    "values for a text": (Raw(pickled("a")[2:-1] + b"(Ne"), "appends to a value of type str"),
    "no mark": (Raw(b"Nt"), "is broken"),
    "a tuple over a mark": (Raw(b"(N\x86"), "2 values are missing"),
    "a deep key": (Raw(b"}" + NESTED + b"Ns"), "keys are not texts or whole numbers"),
    "a text that is not there": (Raw(b"X\xff\xff\xff\x7fabc"), "expected 2147483647 bytes"),
    "a tensor of text": (tensor("0", (1,), (1,)), "with arguments that it does not take"),
    "a tensor outside": (tensor(storage("0", 4), (5,), (1,)), "does not fit into its storage of 4 numbers"),
    "an offset outside": (tensor(storage("0", 4), (4,), (1,), 1), "does not fit into its storage"),
    "a negative offset": (tensor(storage("0", 4), (1,), (1,), -1), "has the offset -1"),
    "a negative stride": (tensor(storage("0", 4), (2,), (-1,), 3), r"the strides \(-1,\)"),
    "a huge stride": (tensor(storage("0", 4), (2,), (2**61,)), "does not fit into its storage"),
    "a tensor that repeats its numbers": (tensor(storage("0", 4), (2**20, 2**20), (0, 0)), "does not fit into its"),
    "an empty tensor of huge sides": (tensor(storage("0", 4), (0, 2**40, 2**40), (0, 0, 0)), "does not fit into its"),
    "sides and strides of other numbers": (tensor(storage("0", 4), (2, 2), (1,)), r"the shape \(2, 2\)"),
    "a side of text": (tensor(storage("0", 4), ("2",), (1,)), "the shape a value of type tuple"),
    "many sides": (tensor(storage("0", 4), (1,) * 40, (1,) * 40), "the shape"),
    "a huge storage": (tensor(storage("0", 2**62), (1,), (1,)), "(should have|is not complete)"),
    "two sizes of a storage": (Raw(pickled(SHARED)[2:-1]), "(two sizes or dtypes|is not complete)"),
}


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_hostile_pickles_are_refused(write: Write, tmp_path: Path, case: str) -> None:
    value, reason = HOSTILE[case]
    top = value if case == "two sizes of a storage" else {"a": value}
    refused(write(tmp_path / "a.pth", {"x": np.arange(4, dtype=np.float32)}, top), reason)


def test_a_value_whose_text_would_be_endless_is_refused(write: Write, tmp_path: Path) -> None:
    doubled = b")q\x01" + b"h\x01h\x01\x86q\x01" * 60
    refused(write(tmp_path / "a.pth", {}, Raw(doubled + b"X\x01\x00\x00\x00a\x93")), "the pickle names a value of type")
    refused(write(tmp_path / "a.pth", {}, Raw(doubled + b"Q")), "refers to a value of type tuple")
    refused(write(tmp_path / "a.pth", {}, Raw(doubled + b")R")), "calls a value of type tuple")


def test_a_dictionary_that_contains_itself_is_refused(write: Write, tmp_path: Path) -> None:
    refused(write(tmp_path / "a.pth", {}, Raw(b"}q\x00(X\x05\x00\x00\x00modelh\x00u")), "it has no tensors by name")


def test_a_pickle_with_too_many_operations_is_refused(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_pickle, "MAX_OPERATIONS", 50)
    refused(write(tmp_path / "a.pth", ARRAYS), "more than 50 operations", TooLarge)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with path.open("wb") as file:
        file.truncate(checkpoint.MAX_FILE_BYTES + 1)
    refused(path, "a checkpoint may have at most", TooLarge)


def test_a_truncated_file_is_refused_wherever_it_ends(write: Write, tmp_path: Path) -> None:
    whole = write(tmp_path / "a.pth", {"a": np.arange(6, dtype=np.float32)}).read_bytes()
    short = tmp_path / "short.pth"
    for size in range(len(whole)):
        short.write_bytes(whole[:size])
        refused(short, "is refused")


def test_changed_bytes_give_an_error_or_arrays_of_the_file(write: Write, tmp_path: Path) -> None:
    whole = bytearray(write(tmp_path / "a.pth", {"a": np.arange(6, dtype=np.float32)}).read_bytes())
    changed = tmp_path / "changed.pth"
    for position in range(len(whole)):
        for bit in (1, 128):
            whole[position] ^= bit
            changed.write_bytes(whole)
            whole[position] ^= bit
            try:
                found = read_checkpoint(changed)
            except LightshipError:
                continue
            assert sum(array.nbytes for array in found.values()) <= len(whole)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"magic": MAGIC + 1}, "not one that torch.save writes"),
        ({"protocol": 1000}, "of another version than 1001"),
        ({"system": {**SYSTEM, "little_endian": False}}, "not little-endian"),
        ({"system": "little"}, "not little-endian"),
        ({"keys": ["0", 1]}, "keys of its storages are not texts"),
        ({"keys": ["0"]}, "the storage '1' is missing"),
        ({"keys": ["0", "1", "2", "3", "4"]}, "a storage '4' that no tensor uses"),
        ({"keys": ["0", "0"]}, "occurs twice"),
    ],
)
def test_a_wrong_head_of_the_older_format_is_refused(tmp_path: Path, changed: dict[str, Any], reason: str) -> None:
    refused(write_legacy(tmp_path / "a.pth", ARRAYS, **changed), reason)


def test_an_archive_with_compressed_files_is_refused(tmp_path: Path) -> None:
    refused(write_zip(tmp_path / "a.pth", ARRAYS, compression=zipfile.ZIP_DEFLATED), "is compressed")


def test_an_archive_whose_files_share_a_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", pickled({}))
        archive.writestr("weights/data/0", b"0" * 1000)
        for index in range(1, 50):
            entry = zipfile.ZipInfo(f"weights/data/{index}")
            first = archive.infolist()[1]
            entry.header_offset, entry.CRC = first.header_offset, first.CRC
            entry.file_size = entry.compress_size = first.file_size
            archive.filelist.append(entry)
    refused(path, r"the files in the archive have \d+ bytes, but the archive only")


@pytest.mark.parametrize(
    ("others", "reason"), [({"byteorder": b"big"}, "not little-endian"), ({"data/0": b"12"}, "has 2 bytes, but should")]
)
def test_other_numbers_in_an_archive_are_refused(tmp_path: Path, others: dict[str, bytes], reason: str) -> None:
    arrays = {} if "data/0" in others else ARRAYS
    refused(write_zip(tmp_path / "a.pth", arrays, {"a": tensor(storage("0", 4), (4,), (1,))}, **others), reason)


def test_an_archive_without_a_storage_is_refused(tmp_path: Path) -> None:
    refused(write_zip(tmp_path / "a.pth", {}, {"a": tensor(storage("../../x", 4), (4,), (1,))}), "the archive has no")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"{}", b"\x80\x02K\x01."])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    refused(tmp_path / "a.pth", "is refused")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "a.pth", "not one that torch.save writes")


def test_a_file_without_tensors_is_refused(write: Write, tmp_path: Path) -> None:
    refused(write(tmp_path / "a.pth", {}, {"epoch": 3}), "it has no tensors by name")
    refused(write(tmp_path / "a.pth", {}, [1, 2]), "it has no tensors by name")


def test_a_path_that_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        read_checkpoint(tmp_path / "a.pth")
    with pytest.raises(InvalidArgument, match="is a folder"):
        read_checkpoint(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InvalidArgument, match="not a regular file"):
            read_checkpoint(tmp_path / "pipe")
