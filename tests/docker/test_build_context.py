"""The tar that is sent to the engine."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from lightship.docker.context import EARLIEST, Context, ContextEntry, source_date
from lightship.errors import FailedPrecondition, InvalidArgument

Write = Callable[[str, bytes], ContextEntry]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, content: bytes) -> ContextEntry:
        (tmp_path / name).write_bytes(content)
        return ContextEntry(f"layers/{name}", len(content), source=tmp_path / name)

    return written


def unpacked(context: Context) -> list[tuple[tarfile.TarInfo, bytes | None]]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(context))) as tar:
        files = [(member, tar.extractfile(member)) for member in tar]
        return [(member, file.read() if file else None) for member, file in files]


def test_it_is_a_tar_of_the_files_in_their_order(write: Write) -> None:
    long = "ä" * 100
    entries = [ContextEntry("Dockerfile", 4, b"FROM"), ContextEntry("layers"), write("b", b"y" * 513), write(long, b"")]
    found = [(member.name, content) for member, content in unpacked(Context(entries, EARLIEST))]
    assert found == [("Dockerfile", b"FROM"), ("layers", None), ("layers/b", b"y" * 513), (f"layers/{long}", b"")]


def test_owner_modes_and_times_are_not_those_of_the_files(write: Write) -> None:
    entry = write("a", b"x")
    assert entry.source is not None
    entry.source.chmod(0o400)
    for member, _ in unpacked(Context([ContextEntry("layers"), entry], 1767225600)):
        assert (member.uid, member.gid, member.mtime) == (0, 0, 1767225600)
        assert member.mode == (0o755 if member.isdir() else 0o644)


def test_it_is_the_same_whenever_it_is_made(write: Write) -> None:
    context = Context([write("a", b"x"), ContextEntry("layers")], EARLIEST)
    first = b"".join(context)
    write("a", b"x")
    assert b"".join(context) == first


def test_a_large_file_is_never_in_memory_whole(tmp_path: Path) -> None:
    size = 64 << 20
    with (tmp_path / "large").open("wb") as file:
        file.truncate(size)
    context = Context([ContextEntry("large", size, source=tmp_path / "large")], EARLIEST)
    tracemalloc.start()
    try:
        assert sum(map(len, context)) > size
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_was_sent_is_reported(write: Write) -> None:
    reported: list[int] = []
    list(Context([write("a", b"x" * 3), ContextEntry("layers"), write("b", b"x" * 4)], EARLIEST, reported.append))
    assert reported == [3, 7]


@pytest.mark.parametrize("now", [b"longer", b"no", b""])
def test_a_file_that_changes_meanwhile_is_an_error(write: Write, now: bytes) -> None:
    entry = write("a", b"four")
    write("a", now)
    with pytest.raises(FailedPrecondition, match="a changed while the image was built"):
        list(Context([entry], EARLIEST))


def test_a_file_that_goes_away_meanwhile_is_an_error(write: Write, tmp_path: Path) -> None:
    entry = write("a", b"four")
    (tmp_path / "a").unlink()
    with pytest.raises(FailedPrecondition, match="a disappeared"):
        list(Context([entry], EARLIEST))


def test_the_time_of_the_files_is_1980_unless_said() -> None:
    assert source_date({}) == source_date({"SOURCE_DATE_EPOCH": ""}) == EARLIEST
    assert source_date({"SOURCE_DATE_EPOCH": "1767225600"}) == 1767225600


@pytest.mark.parametrize("text", ["yesterday", "-1", "1.5", "9" * 11, "١"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="whole seconds since 1970"):
        source_date({"SOURCE_DATE_EPOCH": text})
