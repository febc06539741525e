"""Archives as `np.savez` writes them, and archives that are none."""

from __future__ import annotations

import contextlib
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import InvalidArgument
from lightship.tensors.npy import write_npy
from lightship.tensors.npz import read_npz, write_npz

ARRAYS: dict[str, Any] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False])}


def saved(write: Any = np.savez, **arrays: Any) -> bytes:
    file = io.BytesIO()
    write(file, **arrays)
    return file.getvalue()


def test_arrays_come_back_by_name() -> None:
    read = read_npz(saved(**ARRAYS), 2)
    assert list(read) == ["a", "b"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_an_array_that_lies_well_is_a_view() -> None:
    body = saved(image=np.zeros((64, 64, 3), np.uint8))
    assert np.shares_memory(read_npz(body, 1)["image"], np.frombuffer(body, np.uint8))


def test_what_is_written_numpy_reads() -> None:
    with np.load(io.BytesIO(write_npz(ARRAYS)), allow_pickle=False) as read:
        assert {name: read[name].tolist() for name in read} == {name: array.tolist() for name, array in ARRAYS.items()}


def test_a_plain_zip_without_64_bit_sizes_is_read() -> None:
    assert read_npz(write_npz(ARRAYS), 2).keys() == ARRAYS.keys()


def streamed() -> bytes:
    class Pipe(io.RawIOBase):
        parts: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.parts.append(bytes(data))
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        archive.writestr("a.npy", b"x")
    return b"".join(pipe.parts)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "it is empty"),
        (b"{}", "not a .npz file"),
        (saved()[:4] + b"xx", "not a .npz file"),
        (saved(np.savez_compressed, a=np.zeros(1_000_000)), "uncompressed, with numpy.savez"),
        (streamed(), "uncompressed, with numpy.savez"),
        (saved(**ARRAYS, c=np.zeros(1)), "more arrays than there are inputs: send at most 2"),
        (saved(**ARRAYS)[:20], "is truncated"),
        (saved(**ARRAYS)[:100], "is truncated"),
        (saved(a=np.array([None], dtype=object)), '"a" in the .npz file'),
    ],
)
def test_what_is_refused_is_named(body: bytes, text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_npz(body, 2)
    assert text in raised.value.message


def test_a_name_given_twice_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", write_npy(np.zeros(1)))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.npy", write_npy(np.zeros(1)))
    with pytest.raises(InvalidArgument, match='"a" twice'):
        read_npz(file.getvalue(), 5)


@given(st.binary(max_size=80), st.integers(0, 600))
def test_damaged_archives_are_read_or_refused(noise: bytes, place: int) -> None:
    whole = saved(**ARRAYS)
    with contextlib.suppress(InvalidArgument):
        read_npz(whole[:place] + noise + whole[place + len(noise) :], 2)
