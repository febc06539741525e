"""Calls of a real engine, in batches: who shares one, and what each caller gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest
from tests.batching.conftest import Loaded

from lightship.batching import EngineCall
from lightship.batching.tensorflow_serving import BatchingParameters, BatchThreads, TensorFlowServingBatching
from lightship.engines import choose
from lightship.engines.openvino import OpenVINOProgram
from lightship.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LightshipError,
    ResourceExhausted,
    Unavailable,
)
from lightship.memory_budget import MemoryBudget, NoRoom

Outcomes = SimpleQueue[Any]


class Batching:
    """One thread that batches the calls of a model."""

    def __init__(self, loaded: Loaded, **values: Any) -> None:
        self.engine, self.signatures = loaded
        self.threads = BatchThreads(1, "test")
        self.counted = Counted()
        self.scheduler = self.of(loaded, **values)

    def of(self, loaded: Loaded, **values: Any) -> TensorFlowServingBatching:
        engine, signatures = loaded
        parameters = BatchingParameters(**values)
        return TensorFlowServingBatching(engine, signatures, parameters, self.threads, observer=self.counted)

    def occupy(self, *calls: EngineCall) -> Outcomes:
        """Lets a first call run until the gate is opened, so that further ones wait."""
        self.engine.gate.clear()
        outcomes = self.submit(*calls)
        self.engine.wait_begun()
        return outcomes

    def submit(self, *calls: EngineCall) -> Outcomes:
        outcomes: Outcomes = SimpleQueue()
        for call in calls:
            self.scheduler.submit(call, outcomes.put)
        return outcomes

    def release(self) -> None:
        self.engine.gate.set()


class Counted:
    def __init__(self) -> None:
        self.rows: list[int] = []
        self.waits: list[float] = []
        self.batches: list[tuple[int, int]] = []

    def called(self, rows: int) -> None:
        self.rows.append(rows)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)

    def ran(self, rows: int, size: int) -> None:
        self.batches.append((rows, size))


@pytest.fixture
def batching(loaded: Callable[[str], Loaded]) -> Iterator[Callable[..., Batching]]:
    made: list[Batching] = []

    def of(folder: str = "odd/1", **values: Any) -> Batching:
        made.append(Batching(loaded(folder), **values))
        return made[-1]

    yield of
    for one in made:
        one.release()
        one.threads.close()


def call(*rows: Any, signature: str = "serving_default", deadline: float | None = None, **more: Any) -> EngineCall:
    """A call of the model odd: y = f(x)."""
    inputs = more.get("inputs") or {"x": np.asarray(rows, np.float32).reshape(len(rows), -1)}
    return EngineCall(signature, inputs, more.get("outputs"), deadline)


def error_of(outcomes: Outcomes) -> LightshipError:
    error = outcomes.get(timeout=60)
    assert isinstance(error, LightshipError)
    return error


def test_calls_that_wait_become_one_batch(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    outcomes = model.submit(*(call(*range(rows)) for rows in (1, 2, 3)))
    model.release()
    answers = [outcomes.get(timeout=60)["y"] for _ in range(3)]
    alone = model.engine.engine.run("serving_default", call(0, 1, 2).inputs)["y"]
    assert model.engine.sizes == [1, 6]
    for rows, answer in zip((1, 2, 3), answers, strict=True):
        np.testing.assert_allclose(answer, alone[:rows])


def test_a_call_alone_waits_for_nobody(batching: Callable[..., Batching]) -> None:
    model = batching()
    assert model.submit(call(1, 2)).get(timeout=60)["y"].shape == (2, 1)
    assert model.engine.sizes == [2]


def test_calls_that_fetch_other_tensors_have_queues_of_their_own(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    inputs = {"a": np.ones((1, 2), np.float32), "b": np.ones((1, 2), np.float32)}
    filters = [None, ["sum"], ["difference", "sum"], ["sum"], ["difference"]]
    outcomes = model.submit(*(EngineCall("two", inputs, outputs) for outputs in filters))
    model.release()
    answers = [outcomes.get(timeout=60) for _ in filters]
    assert model.engine.sizes == [1, 2, 2, 1]
    names = sorted(sorted(answer) for answer in answers)
    assert names == sorted([["difference", "sum"]] * 2 + [["sum"]] * 2 + [["difference"]])


def test_signatures_of_the_same_tensors_share_a_batch(batching: Callable[..., Batching]) -> None:
    model = batching()
    second = replace(model.signatures["same"], name="second", inputs={"value": model.signatures["same"].inputs["x"]})
    model.scheduler = model.of((model.engine, model.signatures | {"second": second}))
    model.occupy(call(0))
    rows = np.ones((1, 2), np.float32)
    outcomes = model.submit(call([1, 2], signature="same"), EngineCall("second", {"value": rows}))
    model.release()
    assert [sorted(outcomes.get(timeout=60)) for _ in range(2)] == [["again", "itself", "y"]] * 2
    assert model.engine.sizes == [1, 2]


def test_the_threads_of_batches_do_not_wait_until_a_signature_is_compiled(
    batching: Callable[..., Batching], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, compiling, go_on = batching(), threading.Event(), threading.Event()

    class Slow(OpenVINOProgram):
        def __init__(self, *arguments: Any) -> None:
            compiling.set()
            assert go_on.wait(60)
            super().__init__(*arguments)

    monkeypatch.setattr(choose, "OpenVINOProgram", Slow)
    first = threading.Thread(target=lambda: outcomes.put(model.submit(cold()).get(timeout=60)))
    outcomes: Outcomes = SimpleQueue()

    def cold() -> EngineCall:
        rows = np.ones((1, 2), np.float32)
        return EngineCall("two", {"a": rows, "b": rows}, ["sum"])

    try:
        first.start()
        assert compiling.wait(60)
        further, withdrawn = cold(), cold()
        for one in (further, withdrawn):
            model.scheduler.submit(one, outcomes.put)  # returns, although nothing is compiled
        assert model.scheduler.prepares(further)
        assert model.scheduler.withdraw(withdrawn)
        assert model.submit(call(1, 2)).get(timeout=60)["y"].shape == (2, 1)
        assert outcomes.empty()
    finally:
        go_on.set()
    assert [outcomes.get(timeout=60)["sum"].tolist() for _ in range(2)] == [[[2, 2]]] * 2
    first.join(60)


def test_models_do_not_share_a_batch(batching: Callable[..., Batching], loaded: Callable[[str], Loaded]) -> None:
    model = batching()
    second_engine = loaded("odd/1")
    second = model.of(second_engine)
    model.occupy(call(0))
    outcomes = model.submit(call(1))
    second.submit(call(2), outcomes.put)
    model.release()
    assert len([outcomes.get(timeout=60) for _ in range(2)]) == 2
    assert (model.engine.sizes, second_engine[0].sizes) == ([1, 1], [1])


def test_a_batch_is_filled_up_and_its_further_rows_are_dropped(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=8, allowed_batch_sizes=(4, 8))
    model.occupy(call(0))
    outcomes = model.submit(call(1), call(2, 3))
    model.release()
    assert [len(outcomes.get(timeout=60)["y"]) for _ in range(2)] == [1, 2]
    assert model.engine.sizes == [4, 4]
    assert model.engine.runs[1]["x"].ravel().tolist() == [1, 2, 3, 2]
    assert model.counted.batches == [(1, 4), (3, 4)]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Batching Run() must have at least one input tensor"),
        ({"x": np.float32(1)}, "Batching Run() input tensors must have at least one dimension"),
        (
            {"a": np.ones((1, 2), np.float32), "b": np.ones((2, 2), np.float32)},
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
    ],
)
def test_inputs_that_cannot_be_batched_are_refused(
    batching: Callable[..., Batching], inputs: dict[str, Any], message: str
) -> None:
    model, arrays = batching(), {name: np.asarray(value) for name, value in inputs.items()}
    with pytest.raises(InvalidArgument) as caught:
        model.scheduler.run(EngineCall("two" if "a" in inputs else "scalar", arrays))
    assert caught.value.message == message


def test_an_input_of_another_dtype_fails_only_its_own_call(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    outcomes = model.submit(call(1))
    wrong = error_of(model.submit(call(inputs={"x": np.ones((1, 1), np.int32)})))
    assert wrong.message.endswith("to be float but int32 is provided")
    model.release()
    assert len(outcomes.get(timeout=60)["y"]) == 1


def test_a_full_queue_refuses_a_call(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=2, max_enqueued_batches=1)
    model.occupy(call(0))
    model.submit(call(1, 2))
    error = error_of(model.submit(call(3)))
    assert isinstance(error, Unavailable)
    assert error.message.endswith("currently 1 batches enqueued and max_enqueued_batches is 1")


def test_different_shapes_in_one_batch_fail_all_of_its_calls(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    outcomes = model.submit(
        call([1, 2], [1, 2], signature="unknown_rank"), call([1, 2, 3], signature="unknown_rank"), call(5)
    )
    model.release()
    ended = [outcomes.get(timeout=60) for _ in range(3)]
    failed = [one for one in ended if isinstance(one, FailedPrecondition)]
    assert len(failed) == 2
    assert failed[0] is not failed[1]
    assert failed[0].message.startswith("Tensors with name 'unknown_rank_x:0' from different tasks have different")


def test_variable_lengths_are_filled_up_where_asked_for(batching: Callable[..., Batching]) -> None:
    model = batching(pad_variable_length_inputs=True)
    model.occupy(call(0))
    outcomes = model.submit(call([1, 2], signature="unknown_rank"), call([3, 4, 5], signature="unknown_rank"))
    model.release()
    assert [outcomes.get(timeout=60)["y"].shape for _ in range(2)] == [(1, 3), (1, 3)]
    assert model.engine.runs[-1]["x"].tolist() == [[1, 2, 1], [3, 4, 5]]


def test_an_output_without_dimensions_fails_the_batch(batching: Callable[..., Batching]) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        batching().scheduler.run(call([1, 2], signature="total"))
    assert caught.value.message == "Batched output tensor has 0 dimensions"


@pytest.mark.tensorflow
def test_an_output_of_another_number_of_rows_fails_the_batch(batching: Callable[..., Batching]) -> None:
    with pytest.raises(FailedPrecondition, match="Batched output tensor's 0th dimension does not equal the sum"):
        batching().scheduler.run(call([1, 2, 3], signature="constant", inputs={"x": np.ones((5, 2), np.float32)}))


def test_a_run_that_fails_fails_all_calls_of_its_batch(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    quotient = [EngineCall("quotient", {"x": np.asarray([value], np.int32)}) for value in (1, 0)]
    outcomes = model.submit(*quotient)
    model.release()
    assert [type(outcomes.get(timeout=60)) for _ in quotient] == [InvalidArgument] * 2


def test_a_batch_whose_calls_are_all_late_is_not_run(batching: Callable[..., Batching]) -> None:
    model = batching()
    model.occupy(call(0))
    outcomes = model.submit(call(1, deadline=time.monotonic()), call(2, deadline=time.monotonic()))
    model.release()
    for _ in range(2):
        error = error_of(outcomes)
        assert isinstance(error, ResourceExhausted)
        assert error.message == "Run() timeout exceeded while waiting in batching queue"
    assert model.engine.sizes == [1]


@pytest.mark.parametrize("later", [None, 1e9])
def test_a_late_call_is_run_with_one_that_is_not(batching: Callable[..., Batching], later: float | None) -> None:
    model = batching()
    model.occupy(call(0))
    outcomes = model.submit(call(1, deadline=time.monotonic()), call(2, deadline=later))
    model.release()
    assert [len(outcomes.get(timeout=60)["y"]) for _ in range(2)] == [1, 1]
    assert model.engine.sizes == [1, 2]


def test_a_call_that_nobody_waits_for_leaves_the_queue(batching: Callable[..., Batching]) -> None:
    model, outcomes = batching(), SimpleQueue[Any]()
    model.occupy(call(0))
    gone = call(1)
    model.scheduler.submit(gone, outcomes.put)
    others = model.submit(call(2))
    assert model.scheduler.withdraw(gone)
    assert not model.scheduler.withdraw(gone)
    model.release()
    assert len(others.get(timeout=60)["y"]) == 1
    assert model.engine.sizes == [1, 1]
    assert outcomes.empty()


def test_a_late_call_is_told_whether_it_waited_in_the_queue_or_ran(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=2)
    running, waiting, split = call(0), call(1), call(2, 3, 4)
    model.occupy(running)
    outcomes = model.submit(waiting, split)
    assert model.scheduler.late_error(running).message == "Timed out waiting for notification"
    for late in (waiting, split):
        error = model.scheduler.late_error(late)
        assert isinstance(error, ResourceExhausted)
        assert error.message == "Run() timeout exceeded while waiting in batching queue"
    model.release()
    assert [len(outcomes.get(timeout=60)["y"]) for _ in range(2)] == [1, 3]
    assert isinstance(model.scheduler.late_error(split), DeadlineExceeded)


def test_a_call_knows_its_run(batching: Callable[..., Batching]) -> None:
    model, calls = batching(), [call(1), call(2)]
    model.occupy(call(0))
    outcomes = model.submit(*calls)
    model.release()
    for _ in calls:
        outcomes.get(timeout=60)
    assert [one.joined for one in calls] == [2, 2]
    assert all(one.seconds > 0 for one in calls)


def test_a_large_call_is_split_and_put_together_again(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=100, enable_large_batch_splitting=True, max_execution_batch_size=8)
    answer = model.scheduler.run(call(*range(30)))["y"]
    assert sorted(model.engine.sizes) == [6, 8, 8, 8]
    np.testing.assert_allclose(answer, model.engine.engine.run("serving_default", call(*range(30)).inputs)["y"])


def test_a_batch_that_does_not_fit_into_the_memory_budget_is_refused(loaded: Callable[[str], Loaded]) -> None:
    (engine, signatures), budget, threads = loaded("odd/1"), MemoryBudget(1 << 20), BatchThreads(1, "test")
    held = budget.reservation()
    held.grow(1 << 20)
    scheduler = TensorFlowServingBatching(engine, signatures, BatchingParameters(), threads, budget.reservation)
    rows = call(*np.ones((200, 200)), signature="unknown_rank")
    with pytest.raises(NoRoom):
        scheduler.run(rows)
    held.release()
    assert len(scheduler.run(rows)["y"]) == 200
    assert budget.taken == 0
    threads.close()


def test_calls_and_batches_are_counted(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=4, allowed_batch_sizes=(4,))
    model.occupy(call(0))
    outcomes = model.submit(call(1), call(2, 3))
    model.release()
    for _ in range(2):
        outcomes.get(timeout=60)
    assert model.counted.rows == [1, 1, 2]
    assert len(model.counted.waits) == 3
    assert model.counted.batches == [(1, 4), (3, 4)]


def test_many_threads_get_their_own_answers(batching: Callable[..., Batching]) -> None:
    model = batching(max_batch_size=16)
    wrong: list[int] = []

    def ask(value: int) -> None:
        for step in range(20):
            number = float(value + 1000 * step)
            if model.scheduler.run(call([number, -number], signature="unknown_rank"))["y"].tolist() != expected(number):
                wrong.append(value)

    def expected(number: float) -> Any:
        return model.engine.engine.run("unknown_rank", {"x": np.asarray([[number, -number]], np.float32)})["y"].tolist()

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert max(model.engine.sizes) > 1
