"""TensorFlow Serving's batching as clients see it, over REST and gRPC."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from tests.batching.gated_engine import GatedEngine
from tests.server.batched_serving import PATIENCE, Answer, Asking, gated, wait_for_calls
from tests.server.grpc_process import eventually

from lightship.batching import Direct
from lightship.engines import EngineOptions
from lightship.server import BatchingParameters, Server, serve

Serve = Callable[..., "Batched"]
FULL = "The batch scheduling queue to which this task was submitted is full; "


class Batched(Asking):
    """A server, and who asks it."""

    def __init__(self, server: Server, transport: str) -> None:
        super().__init__(server, transport)
        self.server = server
        self._engines: list[GatedEngine] = []

    def occupy(self, model: str = "odd", threads: int = 1) -> list[Any]:
        """Lets so many runs begin and wait, so that further calls collect in queues."""
        engine = gated(self.server, model)
        self._engines.append(engine)
        engine.gate.clear()
        running = []
        for _ in range(threads):
            running.append(self.at_once(self.predict, model, x=[[0.0]]))
            engine.wait_begun()
        return running

    def release(self) -> None:
        for engine in self._engines:
            engine.gate.set()


@pytest.fixture(params=["rest", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def batched(saved_models: Path, transport: str) -> Iterator[Serve]:
    """Serves the model odd, and others by name, with batching by these parameters."""
    made: list[Batched] = []

    def start(*models: str, options: dict[str, Any] | None = None, **values: Any) -> Batched:
        folders = [f"{model}={saved_models / model}" for model in models or ("odd",)]
        parameters = BatchingParameters(**{"num_batch_threads": 1} | values)
        more = {"rest_port": "auto", "grpc_port": "auto", "timeout_seconds": PATIENCE}
        more |= {"engine": EngineOptions(trust=True)} | (options or {})
        server = serve(*folders, batching=parameters, **more)
        made.append(Batched(server, transport))
        assert server.wait_ready(60)
        return made[-1]

    yield start
    for one in made:
        one.release()
        one.close()
        one.server.stop()


def refused(answer: Answer, status: int, text: str) -> None:
    assert (answer.status, answer.text) == (status, text)


def column(count: int, start: int = 0) -> list[list[float]]:
    return [[float(number)] for number in range(start, start + count)]


def test_calls_that_wait_are_run_together(batched: Serve) -> None:
    asking = batched("half_plus_two")
    running = asking.occupy("half_plus_two")
    calls = [asking.at_once(asking.predict, "half_plus_two", x=column(rows, 10 * rows)) for rows in (1, 2, 3)]
    wait_for_calls(asking.server, "half_plus_two", 4)
    asking.release()
    for rows, call in zip((1, 2, 3), calls, strict=True):
        answer = call.result(PATIENCE)
        assert answer.value == [[0.5 * (10 * rows + row) + 2] for row in range(rows)]
    assert running[0].result(PATIENCE).status == 200
    assert gated(asking.server, "half_plus_two").sizes == [1, 6]


def test_two_hundred_clients_form_larger_batches_than_there_are_threads(batched: Serve) -> None:
    asking = batched("half_plus_two", options={"threads": 4})
    asking.occupy("half_plus_two")
    calls = [asking.at_once(asking.predict, "half_plus_two", x=[[number]]) for number in range(200)]
    wait_for_calls(asking.server, "half_plus_two", 201)
    asking.release()
    assert [call.result(PATIENCE).value for call in calls] == [[[0.5 * number + 2]] for number in range(200)]
    assert gated(asking.server, "half_plus_two").sizes == [1, 200]


def test_one_pool_of_threads_runs_the_batches_of_all_models(batched: Serve) -> None:
    asking = batched("odd", "half_plus_two", num_batch_threads=2, thread_pool_name="shared-pool")
    engines = [gated(asking.server, model) for model in ("odd", "half_plus_two")]
    asking.occupy("odd")
    asking.occupy("half_plus_two")
    waiting = asking.at_once(asking.predict, "odd", x=[[1.0]])
    wait_for_calls(asking.server, "odd", 2)
    assert [engine.sizes for engine in engines] == [[1], [1]]
    assert eventually(lambda: sum(thread.name == "shared-pool" for thread in threading.enumerate()) == 2)
    engines[1].gate.set()  # a thread that ran the one model is free for the other
    engines[0].wait_begun()
    asking.release()
    assert waiting.result(PATIENCE).status == 200


def test_a_batch_that_is_not_full_waits_for_its_timeout(batched: Serve) -> None:
    asking = batched(max_batch_size=3, batch_timeout_micros=600_000_000)
    first = asking.at_once(asking.predict, "odd", x=column(2))
    wait_for_calls(asking.server, "odd", 1)
    assert not first.done()
    second = asking.at_once(asking.predict, "odd", x=column(1))
    assert first.result(PATIENCE).status == second.result(PATIENCE).status == 200
    assert gated(asking.server, "odd").sizes in ([], [3])
    asking_again = batched(max_batch_size=3, batch_timeout_micros=1000)
    assert asking_again.predict("odd", x=column(2)).status == 200


def test_a_batch_is_filled_up_to_an_allowed_size(batched: Serve) -> None:
    asking = batched("half_plus_two", max_batch_size=8, allowed_batch_sizes=(4, 8))
    engine = gated(asking.server, "half_plus_two")
    assert asking.predict("half_plus_two", x=[[2.0], [4.0]]).value == [[3.0], [4.0]]
    assert [inputs["x"].ravel().tolist() for inputs in engine.runs] == [[2, 4, 2, 2]]


def test_a_call_with_more_rows_than_a_batch_is_refused(batched: Serve) -> None:
    asking = batched(max_batch_size=4)
    refused(asking.predict("odd", x=column(5)), 400, "Task size 5 is larger than maximum input batch size 4")
    assert asking.predict("odd", x=column(4)).status == 200


def test_a_full_queue_refuses_calls(batched: Serve) -> None:
    asking = batched(max_batch_size=2, max_enqueued_batches=2)
    asking.occupy()
    calls = [asking.at_once(asking.predict, "odd", x=column(2)) for _ in range(2)]
    wait_for_calls(asking.server, "odd", 3)
    text = f"{FULL}currently 2 batches enqueued and max_enqueued_batches is 2"
    refused(asking.predict("odd", x=column(1)), 503, text)
    asking.release()
    assert [call.result(PATIENCE).status for call in calls] == [200, 200]


def test_a_full_queue_with_splitting_refuses_calls(batched: Serve) -> None:
    values = {"max_batch_size": 10, "enable_large_batch_splitting": True, "max_execution_batch_size": 2}
    asking = batched(max_enqueued_batches=2, **values)
    asking.occupy()
    call = asking.at_once(asking.predict, "odd", x=column(3))
    wait_for_calls(asking.server, "odd", 2)
    refused(
        asking.predict("odd", x=column(2)),
        503,
        f"{FULL}task size is 2 but scheduling capacity is only 1 (num_enqueued_batches=2, max_enqueued_batches=2, "
        "open_batch_size=1, max_execution_batch_size=2)",
    )
    asking.release()
    assert call.result(PATIENCE).status == 200


def test_a_large_call_is_split(batched: Serve) -> None:
    values = {"max_batch_size": 100, "enable_large_batch_splitting": True, "max_execution_batch_size": 8}
    asking = batched("half_plus_two", **values)
    engine = gated(asking.server, "half_plus_two")
    answer = asking.predict("half_plus_two", x=column(30))
    assert answer.value == [[0.5 * number + 2] for number in range(30)]
    assert sorted(engine.sizes) == [6, 8, 8, 8]


def test_inputs_that_cannot_be_batched_are_refused(batched: Serve) -> None:
    asking = batched()
    scalar = asking.predict("odd", "scalar", x=1.0)
    refused(scalar, 400, "Batching Run() input tensors must have at least one dimension")
    unequal = asking.predict("odd", "two", a=[[1.0, 2.0]], b=[[1.0, 2.0], [3.0, 4.0]])
    refused(unequal, 400, "Batching Run() input tensors must have equal 0th-dimension size")


def test_different_shapes_fail_the_batch_without_padding(batched: Serve) -> None:
    asking = batched()
    for answer in together(asking, [[1.0, 2.0]], [[1.0]]):
        refused(
            answer,
            400,
            "Tensors with name 'unknown_rank_x:0' from different tasks have different shapes and padding is turned "
            "off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal "
            "dimensions starting with the first dim.",
        )
    assert asking.predict("odd", "unknown_rank", x=[[1.0]]).status == 200


def test_different_lengths_are_filled_up_with_padding(batched: Serve) -> None:
    asking = batched(pad_variable_length_inputs=True)
    long, short = together(asking, [[1.0, 2.0, 3.0]], [[4.0]])
    assert (long.status, short.status) == (200, 200)
    assert np.shape(short.value) == (1, 3)
    assert gated(asking.server, "odd").runs[-1]["x"].tolist() == [[1, 2, 3], [4, 4, 4]]


def test_what_cannot_be_filled_up_fails_the_batch(batched: Serve) -> None:
    asking = batched(pad_variable_length_inputs=True)
    seven, wider = [[[[[[[1.0]]]]]]], [[[[[[[1.0, 2.0]]]]]]]
    for answer in together(asking, seven, wider):
        refused(answer, 400, "Only tensors with rank from 1 to 6 can be padded.")
    for answer in together(asking, [[1.0, 2.0]], [[]]):
        refused(answer, 400, "Got empty tensor in batch of non-empty tensors.")


def together(asking: Batched, *inputs: Any) -> list[Answer]:
    """Answers to calls of odd's unknown_rank that are in the same batch."""
    asking.occupy()
    calls = []
    for index, values in enumerate(inputs):
        calls.append(asking.at_once(asking.predict, "odd", "unknown_rank", x=values))
        wait_for_calls(asking.server, "odd", 2 + index)
    asking.release()
    return [call.result(PATIENCE) for call in calls]


@pytest.mark.tensorflow
def test_outputs_that_cannot_be_divided_fail_the_batch(batched: Serve) -> None:
    asking = batched()
    refused(asking.predict("odd", "total", x=[[1.0, 2.0]]), 400, "Batched output tensor has 0 dimensions")
    refused(
        asking.predict("odd", "constant", x=[[1.0, 2.0]] * 5),
        400,
        "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input tensors",
    )


def test_an_error_of_a_run_goes_to_all_calls_of_the_batch(batched: Serve) -> None:
    asking = batched()
    asking.occupy()
    calls = [asking.at_once(asking.predict, "odd", "quotient", np.int32, x=[value]) for value in (1, 0)]
    wait_for_calls(asking.server, "odd", 3)
    asking.release()
    first, second = (call.result(PATIENCE) for call in calls)
    assert first == second
    assert first.status == 400


def test_unloading_a_version_answers_the_calls_that_wait_for_it(batched: Serve) -> None:
    asking = batched("half_plus_two")
    running = asking.occupy("half_plus_two")
    engine = gated(asking.server, "half_plus_two")
    calls = [asking.at_once(asking.predict, "half_plus_two", x=[[number]]) for number in range(20)]
    wait_for_calls(asking.server, "half_plus_two", 21)
    asking.server.reload([])
    assert eventually(lambda: not asking.server.manager.serves("half_plus_two"))
    assert not engine.gate.is_set()
    engine.gate.set()
    assert running[0].result(PATIENCE).status == 200
    assert [call.result(PATIENCE).value for call in calls] == [[[0.5 * number + 2]] for number in range(20)]


def test_a_drain_answers_the_calls_that_wait(batched: Serve) -> None:
    asking = batched("half_plus_two")
    asking.occupy("half_plus_two")
    engine = gated(asking.server, "half_plus_two")
    calls = [asking.at_once(asking.predict, "half_plus_two", x=[[number]]) for number in range(20)]
    wait_for_calls(asking.server, "half_plus_two", 21)
    stopping = threading.Thread(target=asking.server.stop)
    stopping.start()
    assert eventually(lambda: asking.server._endpoints is not None and asking.server._endpoints.draining)
    engine.gate.set()
    assert [call.result(PATIENCE).value for call in calls] == [[[0.5 * number + 2]] for number in range(20)]
    stopping.join(60)
    assert not stopping.is_alive()


@pytest.mark.tensorflow
def test_predict_and_classify_share_a_batch(batched: Serve, transport: str) -> None:
    asking = batched("half_plus_two")
    engine = gated(asking.server, "half_plus_two")
    asking.occupy("half_plus_two")
    classified = [
        asking.at_once(asking.examples, "classify", "half_plus_two", "classify_x_to_y", [{"x": number}])
        for number in (2.0, 4.0)
    ]
    regressed = asking.at_once(asking.examples, "regress", "half_plus_two", "regress_x_to_y", [{"x": 6.0}])
    example = _example(8.0)
    text = {"b64": example[1]} if transport == "rest" else example[0]
    predicted = asking.at_once(asking.predict, "half_plus_two", "classify_x_to_y", object, inputs=[text])
    wait_for_calls(asking.server, "half_plus_two", 5)
    asking.release()
    scores = [
        call.value[0][0][1] if transport == "rest" else call.value.classifications[0].classes[0].score
        for call in (one.result(PATIENCE) for one in classified)
    ]
    assert scores == [3.0, 4.0]
    answer = regressed.result(PATIENCE).value
    assert (answer[0] if transport == "rest" else answer.regressions[0].value) == 5.0
    assert predicted.result(PATIENCE).value == [[6.0]]
    assert sorted(engine.sizes) == [1, 1, 3]


@pytest.mark.tensorflow
def test_multi_inference_shares_batches_with_classify_and_regress(batched: Serve, transport: str) -> None:
    if transport != "grpc":
        pytest.skip("REST has no multi-inference")
    asking = batched("half_plus_two")
    asking.occupy("half_plus_two")
    tasks = [("classify", "classify_x_to_y"), ("regress", "regress_x_to_y")]
    both = asking.at_once(asking.multi_inference, "half_plus_two", tasks, [{"x": 2.0}])
    classified = asking.at_once(asking.examples, "classify", "half_plus_two", "classify_x_to_y", [{"x": 4.0}])
    wait_for_calls(asking.server, "half_plus_two", 3)
    asking.release()
    classes, values = both.result(PATIENCE).value
    assert classes.classification_result.classifications[0].classes[0].score == 3.0
    assert values.regression_result.regressions[0].value == 3.0
    assert classified.result(PATIENCE).value.classifications[0].classes[0].score == 4.0
    assert gated(asking.server, "half_plus_two").sizes == [1, 2, 1]


def _example(x: float) -> tuple[bytes, str]:
    import base64

    from tests.example_models import example

    data = example(x=x)
    return data, base64.b64encode(data).decode()


@pytest.fixture
def only_rest(transport: str) -> None:
    if transport != "rest":
        pytest.skip("clients of gRPC end their calls themselves at the deadline")


@pytest.mark.usefixtures("only_rest")
def test_a_call_that_is_late_in_its_queue_is_told_so(batched: Serve) -> None:
    asking = batched(options={"timeout_seconds": 3.0})
    asking.occupy()  # whose run must begin in that time
    late = asking.predict("odd", x=[[1.0]])
    refused(late, 429, "Run() timeout exceeded while waiting in batching queue")
    assert gated(asking.server, "odd").sizes == [1]


def test_a_version_without_its_own_parameters_is_not_batched(batched: Serve, saved_models: Path) -> None:
    file = saved_models / "half_plus_two" / "123" / "batching_params.pbtxt"
    file.write_text("max_batch_size { value: 4 }")
    try:
        asking = batched("odd", "half_plus_two", options={"per_model_batching": True}, max_batch_size=2)
        with asking.server.manager.handle("odd") as handle:
            assert isinstance(handle.servable.scheduler, Direct)
        assert asking.predict("odd", x=column(3)).status == 200
        text = "Task size 5 is larger than maximum input batch size 4"
        refused(asking.predict("half_plus_two", x=column(5)), 400, text)
        assert asking.predict("half_plus_two", x=column(4)).status == 200
    finally:
        file.unlink()


def test_the_metrics_count_batches(batched: Serve) -> None:
    asking = batched(max_batch_size=4, allowed_batch_sizes=(4,))
    assert asking.predict("odd", x=column(3)).status == 200
    prefix, lines = ":tensorflow:serving:batching_session:", list[str]()

    def counted() -> bool:  # the thread that has brought the call counts it, perhaps after its answer
        lines[:] = httpx2.get(f"{asking.server.rest_url}/metrics").text.splitlines()
        return f"{prefix}input_batch_size_sum{{}} 3" in lines

    assert eventually(counted), lines
    assert f"{prefix}wrapped_run_count{{}} 1" in lines
    assert f"{prefix}processed_batch_size_sum{{}} 4" in lines
    assert f'{prefix}padding_size_sum{{execution_batch_size="4"}} 1' in lines
