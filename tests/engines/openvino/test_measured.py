"""The costs of runs are measured in the background, kept in the cache, and given up when the version is unloaded."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.openvino import measured
from lightship.engines.trial import Trials, cancel_trials, shared
from lightship.engines.trial.pool import MEASURING_HELPERS
from lightship.engines.trial.work import Work
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

MODELS = Path(__file__).parents[2] / "models"
TOY = MODELS / "half_plus_two" / "123"


@pytest.fixture(autouse=True)
def _no_helper_stays() -> Iterator[None]:
    yield
    cancel_trials()
    MEASURING_HELPERS.stop_idle()


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures at once, at a usual priority. The lowest one takes minutes beside tests that use all processors."""
    monkeypatch.setattr(measured, "START_SECONDS", 0.0)
    monkeypatch.setattr(shared, "MEASURING_WORK", Work("lightship.engines.openvino.measuring:work", pauses=True))


soon = pytest.mark.usefixtures("_soon")


def _engine(cache: Path, folder: Path = TOY, **options: Any) -> Engine:
    return load_engine(folder, read_saved_model(folder), EngineOptions(cache_dir=cache, **options))


def _until(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain"
        threading.Event().wait(0.02)


def _costs(engine: Engine) -> Any:
    joining = engine.joining(DEFAULT_SIGNATURE)
    assert joining is not None
    return joining.costs


@pytest.mark.parametrize("trust", [False, True])
def test_the_first_question_starts_measuring_and_does_not_wait(tmp_path: Path, trust: bool) -> None:
    engine = _engine(tmp_path, trust=trust)
    assert _costs(engine) == {}
    _until(lambda: bool(_costs(engine)))
    costs = _costs(engine)
    assert list(costs)[:3] == [1, 2, 4]
    assert all(0 < seconds < 10 for seconds in costs.values())
    joining = engine.joining(DEFAULT_SIGNATURE)
    assert joining is not None
    assert joining.streams == 1  # it is too small to gain from several
    engine.close()


@soon
def test_the_next_load_finds_the_costs_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured.Measured, "_retry", lambda self: None)
    monkeypatch.setattr(Trials, "forget", lambda self, key: None)  # kept, even if this machine was busy
    first = _engine(tmp_path)
    _until(lambda: bool(_costs(first)))
    monkeypatch.setattr(Trials, "_made", None)  # would fail
    monkeypatch.setattr(measured, "START_SECONDS", 600.0)  # is not waited for
    second = _engine(tmp_path)
    _until(lambda: bool(_costs(second)))
    assert _costs(second) == _costs(first)
    first.close()
    second.close()


@soon
def test_what_a_busy_machine_measured_is_used_but_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[str] = []
    paused: list[bool] = []
    monkeypatch.setattr(measured, "RETRY_SECONDS", (0.1,))
    monkeypatch.setattr(Trials, "forget", lambda self, key: forgotten.append(key))
    prepare = Trials.prepare

    def busy(self: Trials, request: Any, key: str, *check: Any) -> Any:
        entry = prepare(self, request, key, *check)
        if "costs" not in entry.info:
            return entry
        paused.append(self._work.pauses)
        return type(entry)({**entry.info, "disturbed": True}, entry.files)

    monkeypatch.setattr(Trials, "prepare", busy)
    engine = _engine(tmp_path)
    _until(lambda: bool(_costs(engine)))
    _until(lambda: len(forgotten) == 2)
    assert paused == [True, False]  # beside steady requests, the first attempt may never succeed
    engine.close()


def test_a_version_that_is_unloaded_soon_after_its_first_call_starts_no_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(measured, "START_SECONDS", 600.0)
    engine = _engine(tmp_path)
    engine.engine_of(DEFAULT_SIGNATURE)
    monkeypatch.setattr(Trials, "_made", lambda self, request, key: made.append(key))
    engine.joining(DEFAULT_SIGNATURE)
    program = engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]
    _until(lambda: bool(program._measured._key))
    engine.close()
    _until(lambda: not measured._BACKGROUND._running)
    assert made == []


def test_unloading_stops_the_measuring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, cancelled = threading.Event(), threading.Event()
    cancel = Trials.cancel

    def hanging(self: Trials, request: Any, key: str, out: Path, *, fresh: bool = False) -> Any:
        asked.set()
        assert cancelled.wait(60)
        raise AssertionError("the request was cancelled")

    monkeypatch.setattr(measured, "START_SECONDS", 0.0)
    engine = _engine(tmp_path)
    monkeypatch.setattr(Trials, "_ask", hanging)
    monkeypatch.setattr(Trials, "cancel", lambda self, key: (cancel(self, key), cancelled.set()))
    engine.joining(DEFAULT_SIGNATURE)
    assert asked.wait(60)
    engine.close()
    assert cancelled.is_set()


@soon
def test_measuring_ends_its_helper_when_it_is_cancelled(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    engine.joining(DEFAULT_SIGNATURE)
    trials = engine._slots[DEFAULT_SIGNATURE].program._measured._trials  # type: ignore[attr-defined]
    _until(lambda: bool(trials._busy) or bool(_costs(engine)))
    helpers = list(trials._busy)
    engine.close()
    _until(lambda: not trials._busy and not trials._running)
    assert not any(helper.alive for helper in helpers)


def test_a_signature_that_does_not_run_on_openvino_is_not_joined(tmp_path: Path) -> None:
    odd = MODELS / "odd" / "1"
    engine = _engine(tmp_path, odd)
    for signature in ("total", "unknown_rank", "fixed", "scalar", "next", "lookup", "no such signature"):
        assert engine.joining(signature) is None
    engine.close()


def test_rows_that_depend_on_each_other_are_not_joined(tmp_path: Path) -> None:
    engine = _engine(tmp_path, MODELS / "odd" / "1")
    for signature, joined in (("dense", True), ("total", False)):
        (name,) = read_saved_model(MODELS / "odd" / "1").signatures[signature].inputs
        engine.engine_of(signature)
        assert (engine.joining(signature) is not None) is joined, name
    engine.close()


def test_a_closed_engine_measures_nothing(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    engine.close()
    assert engine.joining(DEFAULT_SIGNATURE) is None


def test_a_closed_engine_gives_its_models_back_at_once(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    program = engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]
    program._measured.when_streams(2, 2)
    program._streams._inside.append(None)
    engine.run(DEFAULT_SIGNATURE, {"x": np.ones((1, 1), np.float32)})
    _until(lambda: bool(program._streams._copies))
    _until(lambda: sys.getrefcount(program._streams._copies) <= 2)  # the thread that made them has let go of them
    models = [*program._streams._copies, *program._streams._copies.values()]
    left = [weakref.ref(model) for model in models]
    del models
    gc.disable()
    try:
        engine.close()
        assert [model() for model in left] == [None] * len(left)
    finally:
        gc.enable()


@soon
def test_calls_are_answered_and_measured_later_if_the_system_allows_no_thread_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = _engine(tmp_path)
    _until(lambda: not measured._BACKGROUND._running)  # what other tests have measured

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refuse)
        assert _costs(engine) == {}
    _until(lambda: bool(_costs(engine)))
    engine.close()


def test_copies_of_a_disturbed_measurement_are_given_back_when_a_later_one_finds_otherwise(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    program = engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]
    program._measured.when_streams(2, 2)
    first = program._streams
    first._inside.append(None)
    inputs = {"x": np.ones((1, 1), np.float32)}
    engine.run(DEFAULT_SIGNATURE, inputs)
    _until(lambda: bool(first._copies))
    found = {"costs": [[1, 0.001]], "one_thread": 0, "costs_on_one_thread": []}
    program._measured._use({**found, "streams": 2, "costs_of_streams": [[1, 0.001]]})
    assert program._streams is not first
    assert not first._copies
    program._measured._use({**found, "streams": 1, "costs_of_streams": []})
    assert program._streams is None
    assert engine.run(DEFAULT_SIGNATURE, inputs)["y"].tolist() == [[2.5]]
    engine.close()


@pytest.mark.parametrize("trust", [False, True])
def test_copies_for_several_streams_give_the_same(tmp_path: Path, trust: bool) -> None:
    engine = _engine(tmp_path, trust=trust)
    program = engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]
    program._measured.when_streams(2, 2)
    inputs = {"x": np.arange(5, dtype=np.float32).reshape(5, 1)}
    expected = engine.run(DEFAULT_SIGNATURE, inputs)
    program._streams._inside.append(None)  # as if another call went on
    engine.run(DEFAULT_SIGNATURE, inputs)
    _until(lambda: bool(program._streams._copies))
    found = engine.run(DEFAULT_SIGNATURE, inputs)
    np.testing.assert_allclose(found["y"], expected["y"], rtol=1e-5)
    (copy, *_) = program._streams._copies.values()
    assert copy._compiled.get_property("NUM_STREAMS") in (1, 2)  # 1 where there is one processor
    engine.close()
