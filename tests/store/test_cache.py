"""The cache keeps to its bound, keeps what is used, and sweeps what killed processes left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lightship.errors import PermissionDenied, ResourceExhausted, Unavailable
from lightship.locks import try_lock
from lightship.store.cache import Cache, shown_bytes
from lightship.store.listing import StoredObject, VersionListing, version_listing

URL = "s3://bucket/m"
COPIES = """
import sys, time
from pathlib import Path
from lightship.store.cache import Cache
from lightship.store.listing import version_listing
cache = Cache(Path(sys.argv[1]), 1000)
cache.open()
listing = version_listing("place", 1, "b/m/1", [{"name": "b/m/1/a", "size": 600, "etag": "x"}], "s3://b/m")
partial = cache.begin(listing, "s3://b/m")
(partial.folder / "1" / "a").write_bytes(bytes(300))
print("copying", flush=True)
time.sleep(600)
"""


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "cache", 1000)
    made.open()
    yield made
    made.close()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes the disk has left."""

    def left(free: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))

    return left


def listing(number: int, size: int) -> VersionListing:
    return version_listing("place", number, f"b/m/{number}", [_info(number, size)], URL)


def _info(number: int, size: int) -> dict[str, object]:
    return {"name": f"b/m/{number}/a", "size": size, "etag": f"{number}-{size}"}


def put(cache: Cache, number: int, size: int) -> str:
    wanted = listing(number, size)
    partial = cache.begin(wanted, URL)
    assert partial is not None
    (partial.folder / str(number) / "a").write_bytes(bytes(size))
    cache.commit(partial, "place", wanted)
    return wanted.key


def test_the_least_recently_used_version_makes_room(cache: Cache) -> None:
    first, second = put(cache, 1, 400), put(cache, 2, 400)
    cache.touch([first])

    third = put(cache, 3, 400)
    assert [cache.has(key) for key in (first, second, third)] == [True, False, True]


def test_versions_that_are_not_used_make_room_on_a_full_disk(cache: Cache, disk: Callable[[int], None]) -> None:
    first, second = put(cache, 1, 100), put(cache, 2, 100)
    cache.pin("owner", {first})
    disk(50)

    third = put(cache, 3, 150)
    assert [cache.has(key) for key in (first, second, third)] == [True, False, True]


def test_nothing_is_removed_for_a_version_that_does_not_fit_onto_the_disk(
    cache: Cache, disk: Callable[[int], None]
) -> None:
    first = put(cache, 1, 100)
    disk(50)

    with pytest.raises(ResourceExhausted, match=r"version 2 of .* has 151 bytes, and the disk .* has 50 bytes left"):
        put(cache, 2, 151)
    assert cache.has(first)


def test_a_version_that_another_server_uses_is_kept(cache: Cache, tmp_path: Path) -> None:
    other = Cache(tmp_path / "cache", 1000)
    other.open()
    first = put(cache, 1, 600)
    other.pin("owner", {first})

    with pytest.raises(ResourceExhausted, match=r"has 600 bytes.* may have 1000 bytes, of which 600 bytes are in use"):
        put(cache, 2, 600)
    other.close()
    put(cache, 2, 600)
    assert not cache.has(first)


def test_what_a_killed_process_was_copying_is_swept_and_counts_no_longer(cache: Cache, tmp_path: Path) -> None:
    command = [sys.executable, "-c", COPIES, str(tmp_path / "cache")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "copying\n"
            with pytest.raises(ResourceExhausted, match="600 bytes are in use"):
                put(cache, 2, 600)
        finally:
            process.kill()
    put(cache, 2, 600)
    assert list((tmp_path / "cache" / "partial").iterdir()) == []


def test_the_copy_of_a_version_that_another_process_copies_is_waited_for(cache: Cache, tmp_path: Path) -> None:
    other = Cache(tmp_path / "cache", 1000)
    other.open()
    wanted = listing(1, 300)
    partial = other.begin(wanted, URL)
    assert partial is not None

    assert cache.begin(wanted, URL) is None
    other.abandon(partial)
    again = cache.begin(wanted, URL)
    assert again is not None
    cache.abandon(again)
    other.close()


def test_a_smaller_bound_removes_what_is_not_used(cache: Cache, tmp_path: Path) -> None:
    first, second = put(cache, 1, 400), put(cache, 2, 400)
    cache.pin("owner", {first})

    smaller = Cache(tmp_path / "cache", 500)
    smaller.open()
    assert cache.has(first)
    assert not cache.has(second)
    smaller.close()


def test_a_version_whose_file_was_cut_is_not_taken(cache: Cache) -> None:
    key = put(cache, 1, 400)
    (cache.path(key, 1) / "a").write_bytes(b"cut")

    assert not cache.has(key)
    assert not cache.path(key, 1).exists()


def test_a_version_without_its_index_is_removed(cache: Cache) -> None:
    key = put(cache, 1, 400)
    (cache.path(key, 1).parent / "entry.json").unlink()

    assert not cache.has(key)
    put(cache, 2, 900)
    assert not cache.path(key, 1).exists()


def test_files_that_are_not_of_the_cache_are_left_alone(tmp_path: Path) -> None:
    """The folder may have had others of the same names before somebody named it with --store-cache-dir."""
    files = [tmp_path / "data" / name / "mine" / "file" for name in ("entries", "partial", "users")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"mine")
    (tmp_path / "data").chmod(0o700)

    cache = Cache(tmp_path / "data", 1000)
    cache.open()
    put(cache, 1, 400)
    assert [entry.number for entry in cache.entries("place")] == [1]
    cache.close()
    assert [file.read_bytes() for file in files] == [b"mine"] * 3


def test_a_copy_that_could_not_be_moved_to_its_place_is_moved_later(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = listing(1, 300)
    partial = cache.begin(wanted, URL)
    assert partial is not None
    (partial.folder / "1" / "a").write_bytes(bytes(300))
    lock = try_lock(tmp_path / "cache", tmp_path / "cache" / ".lock")
    assert lock is not None
    monkeypatch.setattr("lightship.store.cache._LOCK_SECONDS", 0.0)
    with pytest.raises(Unavailable, match="another process keeps"):
        cache.commit(partial, "place", wanted)
    lock.release()

    cache.commit(partial, "place", wanted)
    assert cache.has(wanted.key)


def test_a_copy_that_another_server_has_made_first_stays(cache: Cache, tmp_path: Path) -> None:
    other = Cache(tmp_path / "cache", 1000)
    other.open()
    key = put(other, 1, 300)
    first = (cache.path(key, 1) / "a").stat().st_ino

    put(cache, 1, 300)
    assert (cache.path(key, 1) / "a").stat().st_ino == first
    assert list((tmp_path / "cache" / "partial").iterdir()) == []
    other.close()


def test_a_folder_that_others_may_write_to_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    with pytest.raises(PermissionDenied, match="others may write to it"):
        Cache(tmp_path / "open", 1000).open()


def test_marks_are_found_again(cache: Cache) -> None:
    put(cache, 1, 400)
    (entry,) = cache.entries("place")
    cache.mark(entry, good=True, gone=True)

    (entry,) = cache.entries("place")
    assert (entry.good, entry.gone, entry.number, entry.size) == (True, True, 1, 400)
    cache.mark(entry, gone=False)
    assert [one.gone for one in cache.entries("place")] == [False]
    assert cache.entries("other place") == []


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 40, "5120.0 GiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert shown_bytes(size) == text


def test_an_object_is_frozen() -> None:
    one = StoredObject("a", "b/a", 1, "x", None, None)
    with pytest.raises(AttributeError):
        one.size = 2  # type: ignore[misc]
