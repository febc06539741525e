"""Joined calls get what they get alone, for every signature of the test models; dependent rows are never joined."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lightship.batching import EngineCall, Joined
from lightship.engines import Engine, load_engine
from lightship.engines.base import Joining
from lightship.engines.comparison import ATOL, RTOL, random_inputs
from lightship.errors import LightshipError
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import Signature

CALLS = (1, 3, 1, 2, 1)  # the rows of each
CHEAP = Joining({1: 1.0, 2: 1.01, 4: 1.02, 8: 1.03})
# Signatures whose rows depend on each other, or on their position, in tests/models/odd.
DEPENDENT = {"odd": {"positions", "total", "transposed", "filled", "constant", "next"}}


class Cheap:
    """An engine that says that joint runs cost little, and counts them."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.joined = engine, 0

    def joining(self, signature: str) -> Joining | None:
        return None if self.engine.joining(signature) is None else CHEAP

    def run_joined(self, *arguments: Any, **options: Any) -> Any:
        self.joined += 1
        return self.engine.run_joined(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


Loaded = tuple[str, SavedModel, Engine]


@pytest.fixture(scope="module", params=["odd/1", "mixed/1", "sums/1", "half_plus_two/123", "numbers/1"])
def loaded(request: pytest.FixtureRequest, saved_models: Path) -> Iterator[Loaded]:
    folder = saved_models / request.param
    saved_model = read_saved_model(folder)
    engine = load_engine(folder, saved_model)
    yield request.param.partition("/")[0], saved_model, engine
    engine.close()


def test_joined_calls_get_what_they_get_alone(loaded: Loaded) -> None:
    name, saved_model, engine = loaded
    cheap: Any = Cheap(engine)
    bundle: Any = SimpleNamespace(saved_model=saved_model)
    scheduler, joined = Joined(bundle, cheap, lambda calls, rows: None), set()
    for signature in saved_model.signatures.values():
        parts = inputs_of(signature)
        if not parts or not loads(engine, signature.name):
            continue
        before = cheap.joined
        outcomes = waiting_together(scheduler, signature.name, parts)
        if cheap.joined > before:
            joined.add(signature.name)
        if signature.name not in saved_model.changes.writers:
            for part, outcome in zip(parts, outcomes, strict=True):
                assert_same(outcome, alone(engine, signature.name, part), f"{name}:{signature.name}")
    scheduler.close()
    assert not joined & DEPENDENT.get(name, set())
    if name in ("odd", "half_plus_two", "sums"):
        assert "serving_default" in joined


def inputs_of(signature: Signature) -> list[dict[str, Any]]:
    """Random rows for each call, or nothing if the inputs have no rows."""
    if not all(spec.shape and spec.shape[0] == -1 for spec in signature.inputs.values()):
        return []
    inputs = random_inputs(signature, sum(CALLS), np.random.default_rng(0))
    if not inputs:
        return []
    ends = np.cumsum(CALLS)
    return [
        {name: array[end - rows : end] for name, array in inputs.items()} for rows, end in zip(CALLS, ends, strict=True)
    ]


def waiting_together(scheduler: Joined, signature: str, parts: list[dict[str, Any]]) -> list[Any]:
    """The outcomes of calls that have waited until all of them were there."""
    outcomes: dict[int, Any] = {}
    queue = scheduler._queues[signature]
    joinable = queue.plan().largest > 1
    queue._running = queue._most if joinable else 0
    for number, part in enumerate(parts):
        scheduler.submit(EngineCall(signature, part), partial(outcomes.__setitem__, number))
    if joinable:
        queue._work()
    return [outcomes[number] for number in range(len(parts))]


def loads(engine: Engine, signature: str) -> bool:
    try:
        engine.engine_of(signature)
    except LightshipError:
        return False
    return True


def alone(engine: Engine, signature: str, inputs: Any) -> Any:
    try:
        return engine.run(signature, inputs)
    except LightshipError as error:
        return error


def assert_same(outcome: Any, expected: Any, what: str) -> None:
    if isinstance(expected, Exception):
        assert type(outcome) is type(expected), what
        assert outcome.message == expected.message, what
        return
    assert outcome.keys() == expected.keys(), what
    for name, array in expected.items():
        assert outcome[name].dtype == array.dtype, what
        if array.dtype.kind in "fc":
            np.testing.assert_allclose(outcome[name], array, RTOL, ATOL, err_msg=what)
        else:
            np.testing.assert_array_equal(outcome[name], array, err_msg=what)
