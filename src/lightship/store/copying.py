"""Copies the objects of a version into a folder, several at a time, and checks them."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lightship.bundle.manifest import MANIFEST_FILE, MAX_BYTES, Manifest
from lightship.errors import Aborted, Cancelled, DataLoss, LightshipError, NotFound, Unavailable
from lightship.store.entries import Partial
from lightship.store.faults import disk_fault
from lightship.store.listing import StoredObject, VersionListing
from lightship.store.object_store import ObjectStore
from lightship.threads import start_thread

_THREADS = 4
_BLOCK = 4 << 20
_CREATED = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class _Block(NamedTuple):
    one: StoredObject
    start: int
    end: int


class Copying:
    """Copies one version. Another one for the same folder goes on after a fault with what is missing.

    cancelled: returns whether to give up.
    """

    def __init__(
        self, store: ObjectStore, listing: VersionListing, partial: Partial, cancelled: Callable[[], bool]
    ) -> None:
        self.listing, self.partial = listing, partial
        self._store, self._cancelled = store, cancelled
        self._folder = partial.folder / str(listing.number)
        self._lock = threading.Lock()
        # How many bytes were copied.
        self.copied = 0

    def run(self) -> None:
        """Copies and checks all objects, and sees to it that they are on the disk.

        Raises the errors of `ObjectStore`, DataLoss if something is not what the manifest or the store says,
        ResourceExhausted if the disk is full, and Cancelled.
        """
        objects = list(self.listing.objects.values())
        missing = [block for block in _blocks(objects) if (block.one.name, block.start) not in self.partial.written]
        self.copied = self.listing.size - sum(block.end - block.start for block in missing)
        try:
            for one in objects:
                if one.name not in self.partial.created:
                    self._create(one)
            self._copy(deque(missing))
            for one in objects:
                self._flush(one)
        except OSError as error:
            raise disk_fault(error, self._folder) from None
        self._check(objects)

    def _create(self, one: StoredObject) -> None:
        path = self._folder / one.name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, _CREATED, 0o600))
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DataLoss(
                f"{self._store.url}/{self.listing.number}: {one.name!r} and another object have names that mean the "
                "same file here: rename one of them"
            ) from None
        self.partial.created.add(one.name)

    def _copy(self, blocks: deque[_Block]) -> None:
        failures: list[BaseException] = []
        threads = min(_THREADS, len(blocks))
        ended = [threading.Event() for _ in range(threads)]
        begun = [end for end in ended if start_thread(self._work, blocks, failures, end, name="lightship-store-copy")]
        if threads and not begun:
            self._work(blocks, failures, threading.Event())
        for end in begun:
            end.wait()
        if failures:
            raise failures[0]
        if self._cancelled():
            raise Cancelled("the copying was cancelled")

    def _work(self, blocks: deque[_Block], failures: list[BaseException], ended: threading.Event) -> None:
        try:
            while not failures and not self._cancelled():
                block = blocks.popleft()
                data = self._store.read(block.one, block.start, block.end)
                with (self._folder / block.one.name).open("r+b", buffering=0) as file:
                    file.seek(block.start)
                    _write(file.fileno(), data)
                with self._lock:
                    self.partial.written.add((block.one.name, block.start))
                    self.copied += len(data)
        except IndexError:
            pass  # no block is left
        except BaseException as error:
            failures.append(error)
        finally:
            ended.set()

    def _flush(self, one: StoredObject) -> None:
        with (self._folder / one.name).open("rb") as file:
            os.fsync(file.fileno())

    def _check(self, objects: Sequence[StoredObject]) -> None:
        """Raises DataLoss unless everything is what the manifest says, or the store where there is none."""
        try:
            manifest = Manifest.read(self._folder)
        except NotFound:
            manifest = None
        except LightshipError as error:
            raise DataLoss(f"{self._named()}: {_relative(error, self._folder)}") from error
        if manifest is not None:
            try:
                manifest.verify(self._folder)
            except DataLoss as error:
                raise DataLoss(f"{self._named()}: {_relative(error, self._folder)}") from error
        for one in objects:
            if one.md5 is not None and (manifest is None or not manifest.covers(one.name)):
                self._check_md5(one, one.md5)

    def _check_md5(self, one: StoredObject, wanted: str) -> None:
        with (self._folder / one.name).open("rb") as file:
            got = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if got != wanted and self._store.has_md5(one):
            raise DataLoss(f"{self._named()}: {one.name} is not what the store says it has: its MD5 differs")

    def _named(self) -> str:
        return f"version {self.listing.number} of {self._store.url}"


def missing_of(listing: VersionListing, store: ObjectStore) -> tuple[bool, str]:
    """Compares a listing with the version's own manifest, which is read for that.

    Returns whether there is a manifest that can be read, and what it names that is missing or has another size; empty
    if everything is there.
    """
    one = listing.objects.get(MANIFEST_FILE)
    if one is None or one.size > MAX_BYTES:
        return False, ""
    try:
        manifest = Manifest.from_json(json.loads(store.read(one, 0, one.size)))
    except (Unavailable, Aborted):
        raise
    except (LightshipError, ValueError, KeyError, TypeError, AttributeError):
        return False, ""  # the copy of it is checked, and the error says what is wrong with it
    for name, wanted in manifest.files.items():
        found = listing.objects.get(name)
        if found is None:
            return True, f"{name} is missing"
        if found.size != wanted.size:
            return True, f"{name} has {found.size} bytes instead of {wanted.size}"
    return True, ""


def _blocks(objects: Sequence[StoredObject]) -> list[_Block]:
    return [
        _Block(one, start, min(start + _BLOCK, one.size)) for one in objects for start in range(0, one.size, _BLOCK)
    ]


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _relative(error: LightshipError, folder: Path) -> str:
    return error.message.replace(f"{folder}/", "").replace(str(folder), "it")
