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


class Stock:
    """Servables of nothing: a third of the loads fail, and who closes one twice or keeps one is found out."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._lock = threading.Lock()
        self.open: set[Ware] = set()
        self.closed_twice = 0

    def load(self, id: ServableId, path: Path) -> Servable:
        with self._lock:
            if self._chance.random() < 0.3:
                raise DataLoss("not this time")
            ware = Ware(self, id)
            self.open.add(ware)
        return cast(Servable, ware)

    def close(self, ware: Ware) -> None:
        with self._lock:
            self.closed_twice += ware not in self.open
            self.open.discard(ware)


class Ware:
    def __init__(self, stock: Stock, id: ServableId) -> None:
        self._stock, self.id = stock, id

    @property
    def is_open(self) -> bool:
        return self in self._stock.open

    def close(self) -> None:
        self._stock.close(self)


def ask(manager: Manager, stop: threading.Event, closed: list[str]) -> None:
    chance = random.Random()
    while not stop.is_set():
        try:
            with manager.handle(chance.choice(MODELS), None, chance.choice([None, "stable"])) as handle:
                ware = cast(Ware, handle.servable)
                time.sleep(0)  # lets others run
                if not ware.is_open:
                    closed.append(str(ware.id))
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
    stock = Stock(random.Random(seed + 1000))
    manager = start_manager(stock.load, loads=3, retries=Retries(retries, 0.001), backoff=Backoff(0.001, 0.004))
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
    assert {(ware.id.name, ware.id.version) for ware in stock.open} == {(n, v) for n, vs in wanted.items() for v in vs}
    assert (closed, stock.closed_twice) == ([], 0)
    manager.close(DEADLINE)
    assert stock.open == set()
