"""Short runs of small models are computed by one thread, up to the number of rows for which that is about as quick."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.closing import closes_only_after

from lightship import processors
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.openvino import measured, measuring
from lightship.engines.openvino.description import Description
from lightship.engines.openvino.guard_set import GuardSet
from lightship.engines.openvino.measured import Measured, combined_costs
from lightship.engines.openvino.measuring import rows_on_one_thread
from lightship.engines.openvino.shapes import Declared
from lightship.engines.openvino.tried import Tried
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

TOY = Path(__file__).parents[2] / "models" / "half_plus_two" / "123"
SIGNATURE = read_saved_model(TOY).signatures[DEFAULT_SIGNATURE]

# As measured by a helper.
FOUND = {
    **{"costs": [[1, 0.002], [8, 0.003]], "one_thread": 2, "costs_on_one_thread": [[1, 0.001], [2, 0.002], [4, 0.01]]},
    **{"streams": 1, "costs_of_streams": []},
}

two_processors = pytest.mark.skipif(processors.available_cpus() < 2, reason="needs two processors")


def _engine(cache: Path, **options: Any) -> Engine:
    return load_engine(TOY, read_saved_model(TOY), EngineOptions(cache_dir=cache, **options))


def _program(engine: Engine) -> Any:
    return engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]


def _threads(program: Any, rows: int) -> int:
    found: int = program._compiled_for(((rows, 1),)).threads
    return found


def _costs(engine: Engine) -> Any:
    joining = engine.joining(DEFAULT_SIGNATURE)
    assert joining is not None
    return joining.costs


def _rows(count: int) -> dict[str, Any]:
    return {"x": np.arange(count, dtype=np.float32).reshape(count, 1)}


def _request(options: EngineOptions, *, rows_free: bool = True) -> Any:
    description = Description({}, {}, Declared({}), {"declared": GuardSet()}, rows_free, joinable=True)
    return measured._request_for(TOY, SIGNATURE, options, description)


@pytest.fixture
def _not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Measured, "start", lambda self: None)


@two_processors
@pytest.mark.usefixtures("_not_measured")
@pytest.mark.parametrize("trust", [False, True])  # imported from what a helper process compiled, and compiled here
def test_as_many_rows_as_are_quick_on_one_thread_run_there(tmp_path: Path, trust: bool) -> None:
    engine = _engine(tmp_path, trust=trust)
    program = _program(engine)
    everywhere = _threads(program, 1)
    expected = [engine.run(DEFAULT_SIGNATURE, _rows(rows))["y"] for rows in (1, 8, 9)]
    program._measured.when_one_thread(8)
    assert [_threads(program, rows) for rows in (1, 8, 9)] == [1, 1, everywhere]
    for rows, answer in zip((1, 8, 9), expected, strict=True):
        np.testing.assert_allclose(engine.run(DEFAULT_SIGNATURE, _rows(rows))["y"], answer, rtol=1e-6)
        known = program._known[((rows, 1),)]
        assert known.threads == (everywhere if rows == 9 else 1)  # what was remembered before is forgotten
    copies = program._one_thread[1]
    assert program._measured.when_one_thread(4) == 4  # a later measurement may find otherwise
    assert [_threads(program, rows) for rows in (4, 8)] == [1, everywhere]
    assert program._one_thread[1] is copies
    program._measured.when_one_thread(0)
    assert _threads(program, 1) == everywhere
    engine.close()


@pytest.mark.usefixtures("_not_measured")
def test_a_closed_engine_gives_the_copies_back(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    program = _program(engine)
    use = program._measured.when_one_thread
    use(8)
    left = [weakref.ref(copy) for copy in program._one_thread[1].values()]
    assert left
    gc.disable()
    try:
        engine.close()
        assert [copy() for copy in left] == [None] * len(left)
        assert use(8) == 0  # measured just before it was closed
        assert program._one_thread == (0, {})
    finally:
        gc.enable()


@pytest.mark.usefixtures("_not_measured")
def test_closing_waits_for_copies_that_are_being_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = _engine(tmp_path)
    program = _program(engine)
    begun, go_on = threading.Event(), threading.Event()
    copies = Tried.copies

    def slow(self: Tried, *arguments: Any, **named: Any) -> Any:
        begun.set()
        assert go_on.wait(60)
        return copies(self, *arguments, **named)

    monkeypatch.setattr(Tried, "copies", slow)
    making = threading.Thread(target=program._measured.when_one_thread, args=(8,))
    making.start()
    assert begun.wait(60)
    closes_only_after(engine.close, go_on)
    making.join(60)
    assert program._one_thread == (0, {})


_NOBODY_CLOSES = """
import sys, threading, time
from pathlib import Path
from lightship.engines import EngineOptions, load_engine
from lightship.saved_model.reader import read_saved_model

folder = Path(sys.argv[1])
program = load_engine(folder, read_saved_model(folder), EngineOptions(trust=True))._slots["serving_default"].program
begun = threading.Event()

def make(threads):
    begun.set()
    time.sleep(0.5)
    print("made", flush=True)
    return {}

threading.Thread(target=program._use_one_thread, args=(folder, make, 8), daemon=True).start()
begun.wait(60)
"""


def test_a_process_ends_only_after_copies_that_are_being_made() -> None:
    """Python aborts if it ends while a thread is in OpenVINO; `lightship.load` is often used without closing."""
    ended = subprocess.run(
        [sys.executable, "-c", _NOBODY_CLOSES, TOY], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "made\n"), ended.stderr


@pytest.mark.usefixtures("_not_measured")
def test_the_costs_and_the_log_tell_what_runs_on_one_thread(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lightship")
    engine = _engine(tmp_path)
    _program(engine)._measured._use(FOUND)
    assert _costs(engine) == {1: 0.001, 2: 0.002, 8: 0.003}
    assert caplog.messages[-2].endswith("1 row takes 1.00 ms, 2 rows take 2.00 ms, 8 rows take 3.00 ms")
    assert caplog.messages[-1] == f"{TOY}: runs of up to 2 rows use one thread"
    engine.close()


@pytest.mark.usefixtures("_not_measured")
def test_runs_stay_on_all_threads_if_the_files_were_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lightship")
    engine = _engine(tmp_path)
    program = _program(engine)
    before = _threads(program, 1)
    program._measured.when_one_thread.args[1].args[0]._stamp = frozenset()  # that of other files
    program._measured._use(FOUND)
    assert _threads(program, 1) == before
    assert _costs(engine) == {1: 0.002, 8: 0.003}
    assert "short runs stay on all threads: the files in" in caplog.text
    assert "use one thread" not in caplog.text
    np.testing.assert_allclose(engine.run(DEFAULT_SIGNATURE, _rows(1))["y"], [[2.0]])
    engine.close()


@two_processors
def test_the_helper_finds_up_to_how_many_rows_one_thread_is_as_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "SHORT_SECONDS", 1.0)
    monkeypatch.setattr(measuring, "notice_stops", lambda: None)  # sets a handler of signals, for the whole process
    request = _request(EngineOptions())
    assert request["one_thread"] is True
    monkeypatch.setattr(measuring, "MAX_SLOWDOWN", 1e9)
    found = measuring.work(request, tmp_path)
    assert found["one_thread"] in (rows for rows, _ in found["costs_on_one_thread"])
    assert found["one_thread"] >= 4
    monkeypatch.setattr(measuring, "MAX_SLOWDOWN", 1e-9)
    assert measuring.work(request, tmp_path)["one_thread"] == 0
    monkeypatch.setattr(measuring, "MAX_SLOWDOWN", 1e9)
    monkeypatch.setattr(measuring, "MAX_ONE_THREAD_BYTES", 10)
    assert measuring.work(request, tmp_path)["one_thread"] == 0


def test_what_the_operator_sets_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "available_cpus", lambda: 4)
    assert _request(EngineOptions())["one_thread"] is True
    assert _request(EngineOptions(threads=4))["one_thread"] is False
    assert _request(EngineOptions(streams=2))["one_thread"] is False
    assert _request(EngineOptions(), rows_free=False)["one_thread"] is False  # rows do not say what a run costs
    monkeypatch.setattr(measured, "available_cpus", lambda: 1)
    assert _request(EngineOptions())["one_thread"] is False


def test_one_thread_must_be_short_and_about_as_quick() -> None:
    everywhere = {1: 50e-6, 2: 50e-6, 4: 60e-6, 8: 70e-6}
    assert rows_on_one_thread(everywhere, {1: 50e-6, 2: 55e-6, 4: 70e-6, 8: 100e-6}) == 4
    assert rows_on_one_thread(everywhere, {1: 90e-6, 2: 50e-6}) == 0
    assert rows_on_one_thread({1: 290e-6}, {1: 310e-6}) == 0  # too long for the event loop's thread
    assert rows_on_one_thread({1: 50e-6}, {1: 50e-6, 2: 70e-6, 4: 301e-6}) == 1  # there is nothing to compare with
    assert rows_on_one_thread({}, {}) == 0


def test_the_costs_are_those_of_the_threads_that_will_run() -> None:
    everywhere, alone = {1: 5.0, 2: 6.0, 4: 7.0}, {1: 4.0, 2: 8.0, 4: 16.0}
    assert combined_costs(everywhere, alone, 2) == {1: 4.0, 2: 8.0, 4: 7.0}
    assert combined_costs(everywhere, alone, 0) == everywhere
