"""Models, versions and labels that change at random while loads fail: in the end what was wanted is there, no more."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager

from lightship.errors import DataLoss, InvalidArgument, NotFound
from lightship.lifecycle import Manager, Servable, ServableId, State
from lightship.lifecycle.attempts import Backoff, Retries

MODELS = ("a", "b", "c")
CHANGES = 300
BUSY = (State.START, State.LOADING, State.UNLOADING)


class FakeLoader:
    """Servables of nothing: a third of the loads fail, and who closes one twice or keeps one is found out."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self.open: set[FakeServable] = set()
        self.closed_twice = 0

    def load(self, id: ServableId, path: Path) -> Servable:
        with self._lock:
            if self._chance.random() < 0.3:
                raise DataLoss("not this time")
            servable = FakeServable(self, id)
            self.open.add(servable)
        return cast(Servable, servable)

    def close(self, servable: FakeServable) -> None:
        with self._lock:
            self.closed_twice += servable not in self.open
            self.open.discard(servable)


class FakeServable:
    def __init__(self, loader: FakeLoader, id: ServableId) -> None:
        self._loader, self.id = loader, id

    @property
    def is_open(self) -> bool:
        return self in self._loader.open

    def close(self) -> None:
        self._loader.close(self)


def ask(manager: Manager, stop: threading.Event, closed: list[str]) -> None:
    chance = random.Random()
    while not stop.is_set():
        try:
            with manager.handle(chance.choice(MODELS), None, chance.choice([None, "stable"])) as handle:
                servable = cast(FakeServable, handle.servable)
                time.sleep(0)  # lets others run
                if not servable.is_open:
                    closed.append(str(servable.id))
        except (NotFound, InvalidArgument):
            pass


def change(manager: Manager, chance: random.Random, wanted: dict[str, set[int]]) -> None:
    name, kind = chance.choice(MODELS), chance.random()
    if kind < 0.15:
        manager.forget(name)
        wanted.pop(name, None)
    elif kind < 0.3:
        manager.set_labels(name, {"stable": chance.randint(1, 5)})
        wanted.setdefault(name, set())
    else:
        versions = set(chance.sample(range(1, 6), chance.randint(0, 3)))
        manager.aspire(name, {number: Path("/nowhere") for number in versions})
        wanted[name] = versions


def settled(wanted: dict[str, set[int]]) -> Callable[[Manager], bool]:
    def condition(manager: Manager) -> bool:
        statuses = {name: manager.versions(name) for name in MODELS}
        available = {n: {one.version for one in s if one.state is State.AVAILABLE} for n, s in statuses.items()}
        busy = any(one.state in BUSY for several in statuses.values() for one in several)
        return not busy and available == {name: wanted.get(name, set()) for name in MODELS}

    return condition


@pytest.mark.parametrize(("seed", "retries"), [(1, 0), (2, 2)])
def test_what_was_wanted_is_there_and_nothing_is_closed_in_use(
    start_manager: StartManager, seed: int, retries: int
) -> None:
    chance, closed, stop = random.Random(seed), list[str](), threading.Event()
    loader = FakeLoader(random.Random(seed + 1000))
    manager = start_manager(loader.load, loads=3, retries=Retries(retries, 0.001), backoff=Backoff(0.001, 0.004))
    threads = [threading.Thread(target=ask, args=(manager, stop, closed)) for _ in range(2)]
    for thread in threads:
        thread.start()
    wanted: dict[str, set[int]] = {}
    for _ in range(CHANGES):
        change(manager, chance, wanted)
        stop.wait(chance.random() * 0.004)
    assert manager.wait(settled(wanted), DEADLINE), (wanted, {name: manager.versions(name) for name in MODELS})
    stop.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert sorted(manager.models()) == sorted(wanted)
    opened = {(servable.id.name, servable.id.version) for servable in loader.open}
    assert opened == {(name, version) for name, versions in wanted.items() for version in versions}
    assert (closed, loader.closed_twice) == ([], 0)
    manager.close(DEADLINE)
    assert loader.open == set()
