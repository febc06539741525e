"""Compiled models are kept whole or not at all, within bounds, only for their owner."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from tests.engines.cache_entries import content_of

from lightship.engines.cache import CompiledCache, Damaged, Entry, default_folder
from lightship.engines.cache_keys import cache_key, digest_of_folder


def _put(cache: CompiledCache, key: str, content: bytes = b"compiled") -> None:
    with cache.workplace() as work:
        (work / "blob").write_bytes(content)
        cache.put(key, {"key": key}, work)


def test_what_is_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    _put(CompiledCache(tmp_path / "c"), "a")
    entry = CompiledCache(tmp_path / "c").get("a")
    assert entry is not None
    assert entry.info == {"key": "a"}
    assert content_of(entry) == b"compiled"
    assert CompiledCache(tmp_path / "c").get("b") is None


def test_a_large_file_is_read_in_pieces_and_whole(tmp_path: Path) -> None:
    content = os.urandom((2 << 20) + 12345)
    cache = CompiledCache(tmp_path / "c")
    _put(cache, "a", content)
    entry = cache.get("a")
    assert entry is not None
    assert content_of(entry) == content
    buffer = bytearray(len(content))
    (tmp_path / "c/a/blob").write_bytes(content + b"!")
    with pytest.raises(Damaged):
        entry.read_into("blob", memoryview(buffer))
    (tmp_path / "c/a/blob").write_bytes(content[: 1 << 20])
    with pytest.raises(Damaged):
        entry.read_into("blob", memoryview(buffer))


@pytest.mark.parametrize("size", [(1 << 20) - 5, (1 << 20) + 5, 3 << 20])
def test_a_file_that_has_not_the_buffers_size_is_damaged(tmp_path: Path, size: int) -> None:
    content = bytes(1 << 20)
    (tmp_path / "file").write_bytes(content)
    entry = Entry({}, {"blob": (hashlib.sha256(content).hexdigest(), tmp_path / "file")})
    with pytest.raises(Damaged):
        entry.read_into("blob", memoryview(bytearray(size)))


def test_the_folder_is_the_owners_alone(tmp_path: Path) -> None:
    _put(CompiledCache(tmp_path / "c"), "a")
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("harm", ["truncated", "changed", "index", "missing", "empty index", "null"])
def test_what_was_damaged_is_never_imported(tmp_path: Path, harm: str) -> None:
    cache = CompiledCache(tmp_path / "c")
    _put(cache, "a")
    place = tmp_path / "c" / "a"
    if harm == "truncated":
        (place / "blob").write_bytes(b"comp")
    elif harm == "changed":
        (place / "blob").write_bytes(b"compiler")
    elif harm == "index":
        index = json.loads((place / "index.json").read_bytes())
        (place / "index.json").write_text(json.dumps({**index, "info": {"key": "other"}}))
    elif harm == "missing":
        (place / "blob").unlink()
    else:
        (place / "index.json").write_bytes(b"null" if harm == "null" else b"")
    entry = cache.get("a")
    if entry is not None:
        with pytest.raises(Damaged):
            content_of(entry)
        cache.forget("a")
    assert cache.get("a") is None
    assert not place.exists()


def test_it_is_bounded_and_what_was_not_used_goes_first(tmp_path: Path) -> None:
    cache, keys = CompiledCache(tmp_path / "c", max_bytes=4800), {letter: letter * 64 for letter in "abcd"}
    (tmp_path / "c" / "photos").mkdir()
    (tmp_path / "c" / "photos" / "dog.jpg").write_bytes(bytes(10_000))
    for letter in "abc":
        _put(cache, keys[letter], bytes(1000))
        os.utime(tmp_path / "c" / keys[letter] / "index.json", (1, ord(letter)))
    assert cache.get(keys["a"]) is not None  # used now
    _put(cache, keys["d"], bytes(1000))
    assert sorted(path.name[0] for path in (tmp_path / "c").iterdir()) == ["a", "c", "d", "p"]
    assert (tmp_path / "c" / "photos" / "dog.jpg").exists()  # which is none of its entries


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, mode: int) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c").chmod(mode)
    cache = CompiledCache(tmp_path / "c")
    with cache.workplace() as work:
        (work / "blob").write_bytes(b"compiled")
        entry = cache.put("a", {}, work)
    assert content_of(entry) == b"compiled"
    assert list((tmp_path / "c").iterdir()) == []
    assert cache.get("a") is None


def test_where_no_folder_can_be_made_results_are_used_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = CompiledCache(tmp_path / "file" / "c")
    with cache.workplace() as work:
        (work / "blob").write_bytes(b"compiled")
        entry = cache.put("a", {"x": 1}, work)
    assert not work.exists()
    assert content_of(entry) == b"compiled"


def test_two_that_keep_the_same_at_once(tmp_path: Path) -> None:
    caches = [CompiledCache(tmp_path / "c") for _ in range(4)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: _put(caches[n % 4], "a"), range(40)))
    entry = caches[0].get("a")
    assert entry is not None
    assert content_of(entry) == b"compiled"
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["a"]


def test_keys_and_digests_depend_on_all_that_matters(tmp_path: Path) -> None:
    assert cache_key({"a": 1}) == cache_key({"a": 1}) != cache_key({"a": 2})
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "v").write_bytes(b"1")
    first = digest_of_folder(tmp_path)
    (tmp_path / "variables" / "v").write_bytes(b"2")
    second = digest_of_folder(tmp_path)
    (tmp_path / "variables" / "v").rename(tmp_path / "variables" / "w")
    assert len({first, second, digest_of_folder(tmp_path)}) == 3


def test_the_default_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTSHIP_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x/cache")
    assert default_folder() == Path("/x/cache/lightship")
    monkeypatch.setenv("LIGHTSHIP_CACHE_DIR", "/y")
    assert default_folder() == Path("/y")


def test_a_user_without_a_home_folder_has_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As in a container whose user has no entry in /etc/passwd: there ~ stays ~."""
    for name in ("LIGHTSHIP_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    monkeypatch.chdir(tmp_path)
    assert default_folder() is None
    cache = CompiledCache()
    with cache.workplace() as work:
        (work / "blob").write_bytes(b"compiled")
        assert content_of(cache.put("a", {}, work)) == b"compiled"
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_entries_is_bounded_too(tmp_path: Path) -> None:
    cache = CompiledCache(tmp_path / "c", max_entries=3)
    for number, letter in enumerate("abcde"):
        _put(cache, letter * 64, b"")
        os.utime(tmp_path / "c" / (letter * 64) / "index.json", (1, number))
    assert sorted(path.name[0] for path in (tmp_path / "c").iterdir()) == ["c", "d", "e"]


def test_where_there_is_no_place_for_files_at_all_results_have_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("lightship.engines.cache._temporary", lambda: tmp_path / "file")
    cache = CompiledCache(tmp_path / "file" / "c")
    with cache.workplace() as work:
        assert not work.exists()
        assert cache.put("a", {"x": 1}, work).info == {"x": 1}


def test_a_key_depends_on_the_version_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Source that is not installed, in a folder of PYTHONPATH, has no metadata."""

    def without_lightship(name: str) -> str:
        if name == "lightship":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("importlib.metadata.version", without_lightship)
    key = cache_key({})
    assert cache_key({}) == key
    monkeypatch.setattr("lightship.engines.cache_keys.__version__", "0.0.0")
    assert cache_key({}) != key


def test_files_behind_links_count(tmp_path: Path) -> None:
    """Else two versions that differ only in the folder that `variables` leads to would share a compiled model."""
    version, weights = tmp_path / "1", tmp_path / "weights"
    version.mkdir()
    weights.mkdir()
    (version / "variables").symlink_to("../weights")
    (version / "back").symlink_to(".")  # a loop
    (weights / "variables.index").write_bytes(b"one")
    before = digest_of_folder(version)
    (weights / "variables.index").write_bytes(b"two")
    assert digest_of_folder(version) != before


def test_a_folder_that_was_named_and_cannot_be_used_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.touch()
    CompiledCache(file)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{file} is not used as a cache, and compiled models are kept only in memory: " in record.getMessage()
