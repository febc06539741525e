"""TFRecord files, read as TensorFlow reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lightship.errors import DataLoss
from lightship.saved_model.tfrecord import read_records

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    import tensorflow as tf

    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as records:
        for record in (b"hello", b"", b"world" * 1000):
            records.write(record)
    return path


def test_what_tensorflow_wrote_is_read(file: Path) -> None:
    assert list(read_records(file)) == [b"hello", b"", b"world" * 1000]


def flipped(position: int) -> Callable[[bytes], bytes]:
    def flip(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[position] ^= 1
        return bytes(changed)

    return flip


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda _: b"this is no file of records", "corrupted record at 0 (Is this even a TFRecord file?)"),
        (flipped(3), "corrupted record at 0 (Is this even a TFRecord file?)"),
        (flipped(14), "corrupted record at 12"),
        (flipped(21 + 3), "corrupted record at 21"),
        (flipped(21 + 13), "corrupted record at 33"),
        (lambda content: content[:-3], "truncated record at 37' failed with Read less bytes than requested"),
        (lambda content: content[:-3000], "truncated record at 37' failed with Read less bytes than requested"),
    ],
)
def test_damage_is_reported_in_tensorflows_words(file: Path, spoil: Callable[[bytes], bytes], text: str) -> None:
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DataLoss) as caught:
        list(read_records(file))
    assert caught.value.message == text


@pytest.mark.parametrize(("length", "records"), [(0, 0), (11, 0), (21, 1), (30, 1)])
def test_less_than_a_header_at_the_end_is_passed_over(file: Path, length: int, records: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    assert len(list(read_records(file))) == records


def test_a_length_beyond_the_file_allocates_nothing(file: Path) -> None:
    import google_crc32c

    length = (2**62).to_bytes(8, "little")
    checksum = google_crc32c.value(length)
    masked = ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
    file.write_bytes(length + masked.to_bytes(4, "little") + b"x" * 100)
    with pytest.raises(DataLoss, match="truncated record at 0"):
        list(read_records(file))
