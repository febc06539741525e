"""What is offered of models in fsspec's own store in memory."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from lightship.bundle.manifest import MANIFEST_FILE
from lightship.errors import DataLoss, InvalidArgument, ResourceExhausted, Unavailable
from lightship.store.cache import Cache
from lightship.store.object_store import ObjectStore
from lightship.store.offer import Offer
from lightship.store.stores import StoreOptions, Stores

DEADLINE = 60.0


class Followed:
    """A model in the memory store, followed by a server."""

    def __init__(self, url: str, cache: Path, **options: float) -> None:
        chosen = {"poll_seconds": 0.05, "settle_seconds": 0.02} | options
        self.url = url
        self.in_use: dict[Path, bool] = {}
        self.looks = threading.Semaphore(0)
        self.stores = Stores(StoreOptions(cache_dir=cache, **chosen), lambda name: dict(self.in_use))  # type: ignore[arg-type]
        self.stores.changed = lambda name: self.looks.release()

    def follow(
        self, select: Callable[[Collection[int]], list[int]] = lambda numbers: [max(numbers, default=0)]
    ) -> None:
        self.stores.follow("m", self.url, lambda numbers: [one for one in select(numbers) if one in numbers])

    @property
    def offer(self) -> Offer:
        return self.stores.offer("m")

    def await_offer(self, wanted: Callable[[Offer], object]) -> Offer:
        end = time.monotonic() + DEADLINE
        while not wanted(self.offer):
            assert time.monotonic() < end, self.offer
            self.looks.acquire(timeout=0.05)
        return self.offer

    def await_copy(self, number: int) -> Path:
        offer = self.await_offer(
            lambda offer: offer.versions and number in offer.versions and not offer.unsettled and not offer.refused
        )
        assert offer.versions is not None
        assert offer.versions[number].is_dir()
        return offer.versions[number]

    def load(self, path: Path) -> None:
        self.in_use[path] = True


Follow = Callable[..., Followed]


@pytest.fixture
def url() -> str:
    return f"memory://{uuid4().hex}/m"


@pytest.fixture
def follow(url: str, tmp_path: Path) -> Iterator[Follow]:
    with ExitStack() as stack:

        def followed(**options: float) -> Followed:
            made = Followed(url, tmp_path / "cache", **options)
            stack.callback(made.stores.close)
            made.follow()
            return made

        yield followed


@pytest.fixture
def put(url: str) -> Callable[[str, bytes], None]:
    system = fsspec.filesystem("memory")

    def putting(name: str, content: bytes) -> None:
        system.pipe_file(f"{url.removeprefix('memory:/')}/{name}", content)

    return putting


Put = Callable[[str, bytes], None]


def test_a_version_is_copied_when_two_listings_of_it_are_the_same(follow: Follow, put: Put) -> None:
    put("1/saved_model.pb", b"0")
    model = follow(poll_seconds=0.5)  # long enough for this thread to write between two of them

    for size in range(2, 8):
        assert model.looks.acquire(timeout=DEADLINE)
        put("1/saved_model.pb", b"0" * size)
        assert not any(path.exists() for path in (model.offer.versions or {}).values())
    path = model.await_copy(1)
    assert (path / "saved_model.pb").read_bytes() == b"0" * 7
    assert path.name == "1"


def test_a_version_says_how_it_is_before_its_copy_is_there(follow: Follow, put: Put) -> None:
    put("1/saved_model.pb", b"0")
    model = follow(poll_seconds=600)

    offer = model.await_offer(lambda offer: offer.unsettled)
    assert offer.unsettled[1].startswith("it was found in memory://")


def test_an_empty_folder_does_not_take_the_place_of_a_version(follow: Follow, url: str, put: Put) -> None:
    put("1/saved_model.pb", b"0")
    fsspec.filesystem("memory").makedirs(f"{url.removeprefix('memory:/')}/2")
    model = follow()

    path = model.await_copy(1)
    assert model.offer.versions == {1: path}


def test_of_two_folders_with_the_same_number_the_last_name_is_taken(url: str, put: Put) -> None:
    put("1/a", b"0")
    put("001/b", b"0")
    put("2/c", b"0")

    folders = {number: folder.rpartition("/")[2] for number, folder in ObjectStore(url).versions().items()}
    assert folders == {1: "1", 2: "2"}


def test_a_loaded_version_that_is_changed_in_the_store_stays_as_it_is(
    follow: Follow, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.store.stored_model._EARLY_SECONDS", 0)
    put("1/saved_model.pb", b"old")
    model = follow()
    path = model.await_copy(1)
    model.load(path)
    put("1/saved_model.pb", b"new and other")
    offer = model.await_offer(lambda offer: offer.notice)
    assert "version 1 was changed in memory://" in offer.notice
    assert "publish changed files as a new version" in offer.notice
    assert offer.versions == {1: path}
    assert (path / "saved_model.pb").read_bytes() == b"old"


def test_a_version_whose_manifest_comes_last_takes_the_place_of_what_was_loaded(
    follow: Follow, put: Put, with_manifest: Path
) -> None:
    files = {f.relative_to(with_manifest).as_posix(): f for f in with_manifest.rglob("*") if f.is_file()}
    manifest = files.pop(MANIFEST_FILE)
    for name, file in files.items():
        put(f"1/{name}", file.read_bytes())
    model = follow()
    first = model.await_copy(1)
    model.load(first)

    put(f"1/{MANIFEST_FILE}", manifest.read_bytes())
    offer = model.await_offer(lambda offer: offer.versions and offer.versions[1] != first)
    assert offer.replacing == {1}
    assert first.is_dir()
    model.in_use = {offer.versions[1]: True} if offer.versions else {}
    model.await_offer(lambda offer: not offer.replacing)


@pytest.mark.parametrize("name", ["1/../../evil", "1/a/./b", "1/a\x00b", "1//a", f"1/{'long' * 64}"])
def test_an_object_whose_name_leads_elsewhere_makes_its_version_refused(
    follow: Follow, put: Put, url: str, name: str, tmp_path: Path
) -> None:
    put("1/saved_model.pb", b"0")
    system = fsspec.filesystem("memory")
    path = f"{url.removeprefix('memory:/')}/{name}"
    system.store[path] = system.store[f"{url.removeprefix('memory:/')}/1/saved_model.pb"]
    model = follow()

    try:
        offer = model.await_offer(lambda offer: offer.refused)
    finally:
        del system.store[path]
    (error,) = offer.refused.values()
    assert isinstance(error, InvalidArgument)
    assert "whose name cannot be a file in a folder" in error.message
    assert not (tmp_path / "evil").exists()
    model.await_copy(1)


def test_objects_that_would_be_one_file_are_refused(follow: Follow, put: Put) -> None:
    put("1/a/b", b"0")
    put("1/a", b"0")
    model = follow()

    offer = model.await_offer(lambda offer: offer.refused)
    (error,) = offer.refused.values()
    assert isinstance(error, DataLoss)
    assert "names that mean the same file" in error.message


def test_a_version_that_does_not_fit_is_refused_with_both_figures_and_what_is_loaded_is_kept(
    follow: Follow, put: Put
) -> None:
    put("1/saved_model.pb", bytes(600))
    model = follow(cache_bytes=1000)
    first = model.await_copy(1)
    model.load(first)

    put("2/saved_model.pb", bytes(500))
    offer = model.await_offer(lambda offer: offer.refused)
    (error,) = offer.refused.values()
    assert isinstance(error, ResourceExhausted)
    assert "version 2 of memory://" in error.message
    assert "has 500 bytes" in error.message
    assert "may have 1000 bytes, of which 600 bytes are in use" in error.message
    assert first.is_dir()
    model.in_use.clear()
    model.stores.look_now()
    model.await_copy(2)
    assert not first.exists()


def test_two_servers_share_one_copy(follow: Follow, put: Put, tmp_path: Path) -> None:
    put("1/saved_model.pb", bytes(1000))
    first, second = follow(), follow()

    assert first.await_copy(1) == second.await_copy(1)
    assert len(list((tmp_path / "cache" / "entries").iterdir())) == 1


def test_a_version_that_has_gone_from_the_store_is_offered_no_longer(follow: Follow, put: Put, url: str) -> None:
    put("1/saved_model.pb", b"0")
    model = follow()
    model.await_copy(1)

    fsspec.filesystem("memory").rm(url.removeprefix("memory:/") + "/1", recursive=True)
    model.await_offer(lambda offer: offer.versions == {})


def test_a_deleted_version_that_answered_is_offered_without_the_store_until_its_successor_has_answered(
    follow: Follow, put: Put, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("1/saved_model.pb", b"0")
    model = follow()
    first = model.await_copy(1)
    model.load(first)
    while not (first.parent / "good").exists():
        assert model.looks.acquire(timeout=DEADLINE)
    put("2/saved_model.pb", b"00")
    put(f"2/{MANIFEST_FILE}", b"incomplete")
    monkeypatch.setattr(ObjectStore, "read", unavailable)
    fsspec.filesystem("memory").rm(url.removeprefix("memory:/") + "/1", recursive=True)
    model.await_offer(lambda offer: offer.versions and set(offer.versions) == {2})
    model.stores.close()  # before a copy of version 2 was made

    monkeypatch.setattr(ObjectStore, "versions", unavailable)
    assert follow().await_copy(1) == first


def test_the_last_version_that_was_loaded_is_offered_without_the_store(
    follow: Follow, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("1/saved_model.pb", b"0")
    model = follow()
    model.stores.loaded("m", model.await_copy(1))
    put("2/saved_model.pb", b"0")
    second = model.await_copy(2)
    put("3/saved_model.pb", b"0")
    model.await_copy(3)
    model.stores.loaded("m", second)
    model.stores.close()  # before the store was listed again

    monkeypatch.setattr(ObjectStore, "versions", unavailable)
    assert follow().await_copy(2) == second


def unavailable(*arguments: object) -> None:
    raise Unavailable("the store is down")


def test_a_version_that_has_gone_leaves_nothing_on_a_full_disk(
    follow: Follow, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ObjectStore, "read", unavailable)
    put("1/saved_model.pb", b"0")
    model = follow()
    partial = tmp_path / "cache" / "partial"
    model.await_offer(lambda offer: partial.is_dir() and list(partial.iterdir()))

    def full(cache: Cache) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Cache, "_write_pins", full)
    put("1/saved_model.pb", b"00")
    model.await_offer(lambda offer: "No space left" in offer.notice and not list(partial.iterdir()))


def test_another_policy_is_followed_at_once(follow: Follow, put: Put) -> None:
    put("1/saved_model.pb", b"0")
    put("2/saved_model.pb", b"0")
    model = follow()
    model.await_copy(2)

    model.follow(lambda numbers: [1])
    model.await_copy(1)
