"""Runs of one signature on onnxruntime's CPU provider."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lightship.engines.base import CannotRun, EngineOptions, Refused
from lightship.errors import Internal, InvalidArgument, ResourceExhausted

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from onnx import helper
from tests.engines.onnxruntime.onnx_files import onnx_model, signature, write_look_up, write_noted

from lightship.engines.onnxruntime import replicas
from lightship.engines.onnxruntime.backend import open_on_cpu
from lightship.engines.onnxruntime.files import Notes
from lightship.engines.onnxruntime.program import OnnxProgram
from lightship.engines.onnxruntime.replicas import Replica, Replicas
from lightship.engines.timing import resident
from lightship.memory import release_freed_memory
from lightship.tensors.dtypes import DataType
from lightship.threads import start_timer

ALONE = EngineOptions(engine="onnxruntime", threads=1)


@pytest.fixture
def look_up(tmp_path: Path) -> Iterator[OnnxProgram]:
    """Looks up ids in [[0, 1], [2, 3], [4, 5], [6, 7]]."""
    file = tmp_path / "extra" / "model.onnx"
    program = open_on_cpu(file, write_look_up(file), ALONE)
    yield program
    program.close()


@pytest.fixture
def products(tmp_path: Path) -> Iterator[OnnxProgram]:
    """The sum of sigmoid(x_i x_j), through large tensors: [N, K, K] for x of [N, K]."""
    nodes = [
        helper.make_node("Unsqueeze", ["x", "last"], ["column"]),
        helper.make_node("Unsqueeze", ["x", "middle"], ["row"]),
        helper.make_node("MatMul", ["column", "row"], ["all"]),
        helper.make_node("Sigmoid", ["all"], ["each"]),
        helper.make_node("ReduceSum", ["each", "both"], ["y"], keepdims=0),
    ]
    axes = {"last": np.array([2]), "middle": np.array([1]), "both": np.array([1, 2])}
    model = onnx_model(nodes, {"x": ("float32", ["n", "k"])}, {"y": ("float32", ["n"])}, axes)
    file = tmp_path / "extra" / "model.onnx"
    write_noted(model, file, Notes("products", "", {"y": "y"}))
    ends = ({"x": (DataType.DT_FLOAT, (-1, -1))}, {"y": (DataType.DT_FLOAT, (-1,))})
    program = open_on_cpu(file, signature("products", *ends), ALONE)
    yield program
    program.close()


def rows(*ids: int) -> dict[str, np.ndarray]:
    return {"ids": np.array(ids, np.int64)}


def test_ids_are_looked_up(look_up: OnnxProgram) -> None:
    assert look_up.run(rows(3, 0), ["rows"])["rows"].tolist() == [[6, 7], [0, 1]]
    assert look_up.run(rows(), ["rows"])["rows"].shape == (0, 2)


def test_a_negative_id_does_not_count_from_the_end(look_up: OnnxProgram) -> None:
    with pytest.raises(InvalidArgument, match=r"indices\[1\] = -1 is not in \[0, 4\)"):
        look_up.run(rows(0, -1), ["rows"])


@pytest.mark.parametrize("wrong", [4, -5, 2**62, -(2**63)])
def test_an_id_outside_of_the_table_reads_nothing(look_up: OnnxProgram, wrong: int) -> None:
    with pytest.raises((InvalidArgument, Refused)) as raised:
        look_up.run(rows(0, wrong), ["rows"])
    assert str(wrong) in str(raised.value)
    assert look_up.run(rows(1), ["rows"])["rows"].tolist() == [[2, 3]]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e30])
def test_nan_and_infinity_are_for_another_engine(products: OnnxProgram, wrong: float) -> None:
    with pytest.raises(CannotRun, match="NaN, infinity"):
        products.run({"x": np.array([[0.0, wrong]], np.float32)}, ["y"])


def test_a_shape_that_the_operations_do_not_take_is_refused(products: OnnxProgram) -> None:
    with pytest.raises(Refused, match=r'input "x" of shape \[3\] cannot be computed: .*rank') as raised:
        products.run({"x": np.ones(3, np.float32)}, ["y"])
    assert raised.value.doubtful


def test_too_little_memory_is_said_to_be_so(products: OnnxProgram) -> None:
    with pytest.raises(ResourceExhausted, match="needs more memory than there is on the CPU"):
        products.run({"x": np.ones((1, 20_000_000), np.float32)}, ["y"])


def test_a_short_run_may_be_made_at_once_when_it_is_known_to_be_short(look_up: OnnxProgram) -> None:
    assert look_up.try_run(rows(1), ["rows"]) is None
    found = None
    for _ in range(1000):  # the machine may be busy
        look_up.run(rows(1), ["rows"])
        found = look_up.try_run(rows(1), ["rows"])
        if found is not None:
            break
    assert found is not None
    assert found["rows"].tolist() == [[2, 3]]


def test_many_threads_get_their_own_answers(look_up: OnnxProgram) -> None:
    def ask(number: int) -> bool:
        return look_up.run(rows(number % 4), ["rows"])["rows"].tolist() == [[2 * (number % 4), 2 * (number % 4) + 1]]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))


@pytest.mark.skipif(not resident(), reason="the system does not say how much memory a process holds")
def test_memory_is_given_back_after_large_runs(products: OnnxProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicas, "SHRINK_SECONDS", 0.1)
    monkeypatch.setattr(replicas, "LARGE_BYTES", 10_000)
    measured = threading.Event()

    def start_timer_that_waits(seconds: float, shrink: Callable[[], None]) -> threading.Timer | None:
        def when_measured() -> None:
            measured.wait(60)
            shrink()

        return start_timer(seconds, when_measured)

    monkeypatch.setattr(replicas, "start_timer", start_timer_that_waits)
    gc.collect()
    release_freed_memory()  # what earlier tests have left, so that it is not given back or used meanwhile
    before = resident()
    products.run({"x": np.ones((1, 6000), np.float32)}, ["y"])  # two tensors of 144 MB
    held = resident()
    assert held - before > 100 << 20
    measured.set()
    deadline = time.monotonic() + 60
    while resident() >= held - (100 << 20):
        assert time.monotonic() < deadline, "it is not given back"
        threading.Event().wait(0.05)
    assert products.run({"x": np.zeros((1, 2), np.float32)}, ["y"])["y"].tolist() == [2.0]


class _Session:
    """Stands for a session on a device that this machine does not have."""

    def __init__(self, error: str = "") -> None:
        self.runs, self.go_on, self.begun, self._error = 0, threading.Event(), threading.Semaphore(0), error

    def run(self, outputs: object, inputs: object, options: object = None) -> list[np.ndarray]:
        self.runs += 1
        if self._error:
            raise RuntimeError(self._error)
        self.begun.release()
        assert self.go_on.wait(30)
        return [np.zeros(1)]


def test_each_call_goes_to_the_device_with_the_fewest() -> None:
    sessions = [_Session(), _Session()]
    devices = Replicas([Replica(session, None, f"GPU {number}") for number, session in enumerate(sessions)])
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(devices.run, {}, ["y"])
        assert sessions[0].begun.acquire(timeout=30)
        second = threads.submit(devices.run, {}, ["y"])
        assert sessions[1].begun.acquire(timeout=30)
        sessions[1].go_on.set()
        second.result(30)
        threads.submit(devices.run, {}, ["y"]).result(30)  # the first device is still busy
        assert [session.runs for session in sessions] == [1, 2]
        sessions[0].go_on.set()
        first.result(30)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CUDA failure 700: an illegal memory access was encountered", Internal),
        ("CUDA failure 2: out of memory ; GPU=0", ResourceExhausted),
        ("Failed to allocate memory for requested buffer of size 4096", ResourceExhausted),
    ],
)
def test_errors_of_a_device_are_not_blamed_on_the_request(text: str, kind: type[Exception]) -> None:
    devices = Replicas([Replica(_Session(text), None, "GPU 3")])
    with pytest.raises(kind, match="GPU 3"):
        devices.run({"x": np.zeros((1, 2), np.float32)}, ["y"])
