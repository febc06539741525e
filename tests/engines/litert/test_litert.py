"""LiteRT answers calls of any shape that the model declares, many at once, and refuses all others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from tests.engines.litert.conftest import Open, model

import lightship.engines.litert.backend as backend
from lightship.engines import EngineOptions, load_engine
from lightship.engines.litert.interpreter import Call, InterpreterError
from lightship.engines.litert.pool import MAX_KEPT_BYTES, Pool
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument
from lightship.saved_model.version_model import read_model

pytest.importorskip("ai_edge_litert")

DOUBLE = Call(0, {"x": 0})


def ones(rows: int) -> dict[str, np.ndarray]:
    return {"x": np.ones((rows, 4), np.float32)}


@pytest.mark.parametrize("rows", [1, 3, 0, 200])
def test_any_number_of_rows_is_answered(opened: Open, rows: int) -> None:
    answer = opened(model("doubled")).run("serving_default", ones(rows))["y"]
    assert answer.dtype == np.float32
    assert answer.tolist() == [[2.0] * 4] * rows


def test_shapes_that_come_and_go_are_answered_from_few_interpreters(opened: Open) -> None:
    engine = opened(model("doubled"), tflite_interpreters=2)
    rng = np.random.default_rng(0)
    for rows in rng.integers(1, 50, 100):
        x = rng.normal(size=(rows, 4)).astype(np.float32)
        np.testing.assert_array_equal(engine.run("serving_default", {"x": x})["y"], 2 * x)


@pytest.mark.parametrize("shape", [(2, 5), (4,), (), (1, 2, 4), (2, 0)])
def test_other_shapes_than_the_declared_are_refused(opened: Open, shape: tuple[int, ...]) -> None:
    """LiteRT itself answers some of them, with the elements in other places."""
    with pytest.raises(InvalidArgument, match=r'input "x" has shape \[.*\], but \[\?, 4\] is expected'):
        opened(model("doubled")).run("serving_default", {"x": np.ones(shape, np.float32)})


def test_a_model_without_signatures_answers_by_the_names_of_its_tensors(opened: Open) -> None:
    answer = opened(model("nameless")).run("serving_default", {"serving_default_x:0": ones(2)["x"]})
    assert answer["PartitionedCall:0"].tolist() == [[2.0] * 4] * 2


def test_each_signature_has_its_own_outputs(opened: Open) -> None:
    engine = opened(model("toy"))
    assert set(engine.run("serving_default", ones(1))) == {"best", "scores"}
    assert set(engine.run("serving_default", ones(1), ["best"])) == {"best"}
    assert engine.run("echo", {"text": np.array([b"a"], object)})["text"].tolist() == [b"a"]


def test_strings_may_hold_any_bytes(opened: Open) -> None:
    text = np.array([b"a\0b\0", b"", "ü".encode(), b"\xff\xfe", b"x" * 100_000], object)
    assert opened(model("toy")).run("echo", {"text": text})["text"].tolist() == text.tolist()


def test_a_single_string_is_refused(opened: Open) -> None:
    """LiteRT's package would read its bytes from another place."""
    with pytest.raises(InvalidArgument, match="send a list"):
        opened(model("toy")).run("echo", {"text": np.array(b"a", object)})


def test_answers_belong_to_the_caller(opened: Open) -> None:
    engine = opened(model("doubled"), tflite_interpreters=1)
    first = engine.run("serving_default", ones(1))["y"]
    engine.run("serving_default", {"x": 5 * ones(1)["x"]})
    assert first.tolist() == [[2.0] * 4]


def test_calls_at_once_do_not_disturb_each_other(opened: Open) -> None:
    engine = opened(model("doubled"), tflite_interpreters=3)

    def ask(number: int) -> bool:
        x = np.full((number % 7 + 1, 4), number, np.float32)
        return bool((engine.run("serving_default", {"x": x})["y"] == 2 * number).all())

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(ask, range(600)))


def test_short_runs_are_made_at_once_as_soon_as_they_are_known_to_be_short(opened: Open) -> None:
    engine = opened(model("doubled"))
    assert engine.try_run("serving_default", ones(1)) is None
    for _ in range(1000):
        engine.run("serving_default", ones(1))
        if (answer := engine.try_run("serving_default", ones(1))) is not None:
            break
    assert answer is not None
    assert answer["y"].tolist() == [[2.0] * 4]
    assert engine.try_run("serving_default", ones(9)) is None  # other shapes would have to be prepared


def test_independent_rows_may_be_joined(opened: Open) -> None:
    engine = opened(model("doubled"), tflite_interpreters=3)
    joining = engine.joining("serving_default")
    assert joining is not None
    assert joining.streams == 3
    assert joining.costs[1] > 0


def test_reports_say_which_file_is_served(opened: Open) -> None:
    engine = opened(model("doubled"))
    (report,) = engine.reports()
    assert (engine.name, report.engine, report.reason) == ("litert", "litert", "model.tflite is served")


@pytest.mark.parametrize("name", ["openvino", "tensorflow"])
def test_another_engine_is_refused_for_a_version_with_model_tflite_alone(opened: Open, name: str) -> None:
    with pytest.raises(FailedPrecondition, match=f"runs on LiteRT only, but the engine asked for is {name}"):
        opened(model("doubled"), engine=name)


def test_without_its_package_the_error_says_what_to_install(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    with pytest.raises(FailedPrecondition, match=r"LiteRT is not installed: pip install 'lightship\[litert\]'"):
        opened(model("doubled"), trust=True)


@pytest.mark.parametrize("length", [8, 100, 500, 900])
def test_a_truncated_file_is_not_loaded(opened: Open, length: int) -> None:
    with pytest.raises(DataLoss, match="truncated"):
        opened(model("doubled")[:length])


def test_what_litert_finds_wrong_in_a_file_fails_the_version(tmp_path: Path) -> None:
    """The signatures can be read, but LiteRT's own check of the file fails."""
    folder = tmp_path / "1"
    folder.mkdir()
    whole = model("doubled")
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0xFF
        (folder / "model.tflite").write_bytes(changed)
        try:
            found = read_model(folder)
        except DataLoss:
            continue
        try:
            load_engine(folder, found, EngineOptions(trust=True)).close()
        except FailedPrecondition as error:
            assert "cannot" in error.message  # noqa: PT017
            return
    pytest.fail("LiteRT opens whatever the reader reads")


def test_a_pool_waits_for_an_interpreter_and_makes_no_more_than_it_may() -> None:
    pool, shapes = Pool(model("doubled"), 1, 1, reset=False), ((1, 4),)
    lent, returned = Event(), Event()

    def hold() -> None:
        with pool.interpreter(DOUBLE, shapes, 16):
            lent.set()
            returned.wait(60)

    holder = Thread(target=hold)
    holder.start()
    assert lent.wait(60)
    with pool.ready_interpreter(DOUBLE, shapes, 1.0) as none:
        assert none is None
    waiting = ThreadPoolExecutor(1).submit(lambda: pool.interpreter(DOUBLE, shapes, 16).__enter__())
    assert not waiting.done()
    returned.set()
    assert waiting.result(60) is not None
    holder.join(60)


def test_calls_one_after_another_need_one_interpreter_whatever_their_shapes() -> None:
    pool = Pool(model("doubled"), 4, 1, reset=False)
    lent = set()
    for rows in (1, 2, 3, 1):
        with pool.interpreter(DOUBLE, ((rows, 4),), 16) as interpreter:
            interpreter.run(DOUBLE, ones(rows), [1])
            lent.add(interpreter)
    assert len(lent) == 1


def test_of_several_interpreters_a_call_gets_the_one_that_has_its_shapes() -> None:
    pool = Pool(model("doubled"), 4, 1, reset=False)
    with pool.interpreter(DOUBLE, ((1, 4),), 16) as first, pool.interpreter(DOUBLE, ((2, 4),), 16) as second:
        first.run(DOUBLE, ones(1), [1])
        second.run(DOUBLE, ones(2), [1])
    for _ in range(2):
        with pool.interpreter(DOUBLE, ((1, 4),), 16) as again:
            assert again is first
        with pool.interpreter(DOUBLE, ((2, 4),), 16) as again:
            assert again is second


def test_memory_of_large_inputs_is_given_back() -> None:
    pool = Pool(model("doubled"), 1, 1, reset=False)
    with pool.interpreter(DOUBLE, ((1, 4),), MAX_KEPT_BYTES) as first:
        pass
    with pool.interpreter(DOUBLE, ((1, 4),), MAX_KEPT_BYTES + 1) as same:
        assert same is first
    with pool.interpreter(DOUBLE, ((1, 4),), 16) as another:
        assert another is not first


def test_an_interpreter_that_failed_is_not_lent_again() -> None:
    pool, shapes = Pool(model("doubled"), 1, 1, reset=False), ((1, 4),)
    with pytest.raises(InterpreterError), pool.interpreter(DOUBLE, shapes, 16) as first:
        first.run(DOUBLE, {"x": np.ones((1, 4), np.float64)}, [1])
    with pool.interpreter(DOUBLE, shapes, 16) as another:
        another.run(DOUBLE, ones(1), [1])
        another.run(DOUBLE, ones(1), [1])
    assert another is not first
    with pytest.raises(InterpreterError), pool.ready_interpreter(DOUBLE, shapes, 60.0) as ready:
        ready.run(DOUBLE, {"x": np.ones((1, 4), np.float64)}, [1])
    assert ready is another
    with pool.ready_interpreter(DOUBLE, shapes, 60.0) as none:
        assert none is None


def test_a_pool_that_is_closed_lends_nothing() -> None:
    pool = Pool(model("doubled"), 1, 1, reset=False)
    pool.fill()
    pool.close()
    with pytest.raises(FailedPrecondition, match="unloaded"), pool.interpreter(DOUBLE, ((1, 4),), 16):
        pass
