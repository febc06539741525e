"""Copies of versions whose store fails now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from lightship.errors import DataLoss, Unavailable
from lightship.store.cache import Cache
from lightship.store.copying import Copying
from lightship.store.entries import Partial
from lightship.store.listing import StoredObject, VersionListing, version_listing
from lightship.store.object_store import ObjectStore

CONTENT = bytes(range(250)) * 200


class Failing(ObjectStore):
    """A store of which one reading in ten fails."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.tried = 0
        self.reads: Counter[int] = Counter()

    def read(self, one: StoredObject, start: int, end: int) -> bytes:
        self.tried += 1
        if self.tried % 10 == 0:
            raise Unavailable("the connection was lost")
        self.reads[start] += 1
        return super().read(one, start, end)


@pytest.fixture
def store() -> Failing:
    place = f"{uuid4().hex}/m"
    fsspec.filesystem("memory").pipe_file(f"/{place}/1/a", CONTENT)
    return Failing(f"memory://{place}")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    made = Cache(tmp_path / "cache", 1 << 20)
    made.open()
    yield made
    made.close()


def copy(store: ObjectStore, listing: VersionListing, partial: Partial) -> int:
    """Copies until there is no fault. Returns the number of faults."""
    for faults in range(1000):
        try:
            Copying(store, listing, partial, lambda: False).run()
        except Unavailable:
            continue
        return faults
    raise AssertionError("the copy is never complete")


def test_a_copy_goes_on_with_the_blocks_that_are_missing(
    store: Failing, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.store.copying._BLOCK", 1000)
    listing = store.listing(1, store.versions()[1])
    partial = cache.begin(listing, store.url)
    assert partial is not None

    assert copy(store, listing, partial) >= 1
    assert (partial.folder / "1" / "a").read_bytes() == CONTENT
    assert store.reads == dict.fromkeys(range(0, len(CONTENT), 1000), 1)
    cache.abandon(partial)


def test_a_checksum_that_could_not_be_checked_is_checked_again(
    store: Failing, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store.listing(1, store.versions()[1]).objects["a"].path
    info = {"name": path, "size": len(CONTENT), "ETag": "0" * 32}  # of another content
    listing = version_listing("place", 1, path.removesuffix("/a"), [info], store.url)
    partial = cache.begin(listing, store.url)
    assert partial is not None

    def has_md5(self: ObjectStore, one: StoredObject) -> bool:
        if not answers:
            answers.append(True)
            raise Unavailable("the connection was lost")
        return True

    answers: list[bool] = []
    monkeypatch.setattr(ObjectStore, "has_md5", has_md5)
    with pytest.raises(DataLoss, match="its MD5 differs"):
        copy(store, listing, partial)
    assert answers
    cache.abandon(partial)
