"""Versions that are copied slowly, in any order and manner: nothing half-written answers, and all end AVAILABLE."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager

from lightship.bundle.manifest import EXTRAS, LABELS_FILE, MANIFEST_FILE, Manifest, write_manifest
from lightship.errors import NotFound
from lightship.lifecycle import FileSystemSource, Manager, ModelConfig, Servable
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

COPIES = int(os.environ.get("SLOW_COPIES", "10"))
SETTLE = float(os.environ.get("SLOW_COPIES_SETTLE", "0.4"))
LABELS = ("half", "plus two")


@pytest.fixture
def bundle(half_plus_two: Path, tmp_path: Path) -> Path:
    """y = 0.5 x + 2 as a bundle, with labels and digests."""
    folder = Path(shutil.copytree(half_plus_two / "123", tmp_path / "bundle"))
    (folder / EXTRAS).mkdir()
    (folder / EXTRAS / LABELS_FILE).write_text("".join(f"{label}\n" for label in LABELS))
    write_manifest(folder, Manifest("2026-11-27T00:00:00+00:00", {}, {}, labels=LABELS_FILE))
    return folder


class SlowCopy:
    """Copies the files of a version in a random order, in pieces and with pauses, of which some are long."""

    def __init__(self, version: Path, to: Path, *, manifest: bool, seed: int) -> None:
        self._version, self._to, self._chance = version, to, random.Random(seed)
        files = [file for file in sorted(version.rglob("*")) if file.is_file()]
        self._files = [file for file in files if manifest or EXTRAS not in file.parts]
        self._chance.shuffle(self._files)
        self._preallocates = self._chance.random() < 0.5
        self._keeps_times = self._chance.random() < 0.3
        self._renames = self._chance.random() < 0.3

    def run(self) -> None:
        for file in self._files:
            place = self._to / file.relative_to(self._version)
            place.parent.mkdir(parents=True, exist_ok=True)
            written = place.with_name(f".{place.name}.part") if self._renames else place
            self._write(file.read_bytes(), written)
            if self._keeps_times:
                shutil.copystat(file, written)
            written.rename(place)
            self._pause()

    def _write(self, data: bytes, place: Path) -> None:
        places = list(range(0, len(data), max(1, len(data) // 3)))
        with place.open("wb", 0) as file:
            if self._preallocates:
                file.truncate(len(data))
                self._chance.shuffle(places)
            for offset in places:
                file.seek(offset)
                file.write(data[offset : offset + max(1, len(data) // 3)])
                self._pause()

    def _pause(self) -> None:
        long = self._chance.random() < 0.1
        time.sleep(SETTLE * (self._chance.uniform(1.0, 2.0) if long else self._chance.uniform(0.0, 0.2)))


class Watcher:
    """Asks every model all the time, and notes what is wrong in their answers."""

    def __init__(self, manager: Manager, names: list[str]) -> None:
        self._manager, self._names = manager, names
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.wrong: list[str] = []
        self.answers = 0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            for name in self._names:
                try:
                    with self._manager.handle(name) as handle:
                        self._check(name, handle.servable)
                except NotFound:
                    continue

    def _check(self, name: str, servable: Servable) -> None:
        self.answers += 1
        (result,) = servable.engine.run(DEFAULT_SIGNATURE, {"x": np.float32([[3.0]])}).values()
        if result.tolist() != [[3.5]] or servable.bundle.labels not in (None, LABELS):
            self.wrong.append(f"{name}: {result.tolist()}, {servable.bundle.labels}")


@pytest.fixture
def source_of(start_manager: StartManager) -> Iterator[Callable[[Manager], FileSystemSource]]:
    sources: list[FileSystemSource] = []

    def start(manager: Manager) -> FileSystemSource:
        sources.append(FileSystemSource(manager, SETTLE / 2, settle_seconds=SETTLE))
        return sources[-1]

    yield start
    for source in sources:
        source.close()


@pytest.mark.slow
def test_slow_copies_never_answer_wrongly_and_end_with_their_labels(
    start_manager: StartManager,
    source_of: Callable[[Manager], FileSystemSource],
    bundle: Path,
    tmp_path: Path,
) -> None:
    manager = start_manager(loads=4)
    names = {f"m{seed}": seed % 2 == 0 for seed in range(COPIES)}
    for name in names:
        (tmp_path / "models" / name).mkdir(parents=True)
    source_of(manager).watch([ModelConfig(name, tmp_path / "models" / name) for name in names])
    copies = [
        SlowCopy(bundle, tmp_path / "models" / name / "1", manifest=manifest, seed=seed)
        for seed, (name, manifest) in enumerate(names.items())
    ]
    with Watcher(manager, list(names)) as watcher, ThreadPoolExecutor(COPIES) as pool:
        list(pool.map(SlowCopy.run, copies))
        complete = manager.wait(
            lambda seen: all(labels_of(seen, name) == (LABELS if names[name] else ()) for name in names), DEADLINE
        )
    assert complete, {name: (labels_of(manager, name), manager.versions(name)) for name in names}
    assert watcher.wrong == []
    assert watcher.answers


def labels_of(manager: Manager, name: str) -> tuple[str, ...] | None:
    """The labels of the version that answers; None if none does."""
    try:
        with manager.handle(name) as handle:
            return handle.servable.bundle.labels or ()
    except NotFound:
        return None


def test_a_manifest_that_comes_late_makes_a_bundle_of_a_plain_model(
    start_manager: StartManager, bundle: Path, folder: Path
) -> None:
    manager, manifest = start_manager(), bundle / MANIFEST_FILE
    text = manifest.read_text()
    manifest.unlink()
    source = FileSystemSource(manager, 0.05, settle_seconds=0.1)
    try:
        shutil.copytree(bundle, folder / "1")
        source.watch([ModelConfig("half", folder)])
        assert manager.wait(lambda seen: labels_of(seen, "half") == (), DEADLINE)
        with manager.handle("half") as plain:
            (folder / "1" / MANIFEST_FILE).write_text(text)
            assert manager.wait(lambda seen: labels_of(seen, "half") == LABELS, DEADLINE)
            assert plain.servable.bundle.labels is None  # a call that runs keeps what it began with
        assert [status.version for status in manager.versions("half")] == [1]
    finally:
        source.close()
