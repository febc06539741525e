"""A turn of the event loop: all transports read, then what is short is run together, then all write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.lifecycle import Servable, ServableId
from lightship.lifecycle.loader import load_servable
from lightship.services import Prediction, check_signature, prepare_prediction
from lightship.transports.turn import Turn


@pytest.fixture(scope="module")
def servable(half_plus_two: Path) -> Iterator[Servable]:
    loaded = load_servable(ServableId("m", 123), half_plus_two / "123")
    yield loaded
    loaded.close()


class Transport:
    """Adds one prediction in each turn, unless it fails."""

    def __init__(self, name: str, turn: Turn, log: list[str], prediction: Prediction | None) -> None:
        self._name, self._turn, self._log, self._prediction = name, turn, log, prediction

    def read(self) -> None:
        self._log.append(f"{self._name} reads")
        if self._prediction is None:
            raise ZeroDivisionError
        self._turn.add(self._prediction)

    def write(self) -> None:
        ran = self._prediction is not None and self._prediction.outcome is not None
        self._log.append(f"{self._name} writes {'a result' if ran else 'nothing'}")


def prediction(servable: Servable) -> Prediction:
    inputs = {"x": np.ones((1, 1), np.float32)}
    return prepare_prediction(servable, check_signature(servable, ""), inputs)


def taken(turn: Turn, *stages: Any) -> None:
    async def run() -> None:
        for stage in stages:
            turn.join(stage, asyncio.get_running_loop())
        await asyncio.sleep(0)

    asyncio.run(run())


def prepare(servable: Servable) -> None:
    """Makes a run whose time is known, so that it may be repeated on an event loop."""
    servable.engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})


def test_all_transports_read_before_anything_runs_and_write_after_it(servable: Servable) -> None:
    for _ in range(100):  # on a busy machine a run may have been too slow to be repeated on the loop
        log: list[str] = []
        turn = Turn()
        prepare(servable)
        taken(turn, *(Transport(name, turn, log, prediction(servable)) for name in "ab"))
        if log[2:] == ["a writes a result", "b writes a result"]:
            break
    assert log == ["a reads", "b reads", "a writes a result", "b writes a result"]


def test_a_transport_that_fails_does_not_cost_the_other_its_turn(servable: Servable) -> None:
    for _ in range(100):
        log: list[str] = []
        turn = Turn()
        prepare(servable)
        taken(turn, Transport("a", turn, log, None), Transport("b", turn, log, prediction(servable)))
        if log[3:] == ["b writes a result"]:
            break
    assert log == ["a reads", "b reads", "a writes nothing", "b writes a result"]


def test_a_transport_can_take_part_in_the_next_turn_too() -> None:
    turn, turns = Turn(), list[str]()

    class Busy:
        def read(self) -> None:
            turns.append("read")
            if len(turns) < 5:
                turn.join(self, asyncio.get_running_loop())

        def write(self) -> None:
            turns.append("write")

    async def run() -> None:
        turn.join(Busy(), asyncio.get_running_loop())
        for _ in range(9):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert turns == ["read", "write"] * 3
