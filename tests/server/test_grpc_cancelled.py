"""Calls that are cancelled or time out, by the thousand and under load, leave nothing behind."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from tests.server.grpc_process import PREDICT, GrpcProcess, eventually, grpc_process, request, values_of

from lightship import protos

CALLS = 10_000
CLIENTS = 4
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
AVAILABLE, END = 30, 50


@pytest.fixture
def models(tmp_path: Path, half_plus_two: Path) -> Path:
    shutil.copytree(half_plus_two / "123", tmp_path / "m" / "1")
    return tmp_path / "m"


@pytest.fixture
def server(models: Path) -> Iterator[GrpcProcess]:
    with grpc_process(models, "--poll-seconds", "0.05") as process:
        yield process


def ask_and_go(server: GrpcProcess, seed: int, codes: Counter[str]) -> None:
    """Calls of which most are cancelled, or given too little time, at random moments of their way."""
    draw = random.Random(seed)
    requests = [request([2.0]), request(np.zeros(2000)), request(np.zeros(50_000))]
    lock = threading.Lock()

    def ended(call: grpc.Future) -> None:
        with lock:
            codes["CANCELLED" if call.cancelled() else call.code().name] += 1
            free.release()

    free = threading.Semaphore(32)
    with server.channel() as channel:
        ask = channel.unary_unary(PREDICT)
        for _ in range(CALLS // CLIENTS):
            free.acquire()
            timeout = draw.choice([0.001, 0.005, 0.02, 10.0])
            call = ask.future(draw.choices(requests, [8, 2, 1])[0], timeout=timeout)
            call.add_done_callback(ended)
            if timeout > 1 and draw.random() < 0.8:
                if draw.random() < 0.5:
                    time.sleep(draw.random() * 0.01)
                call.cancel()
        for _ in range(32):
            assert free.acquire(timeout=60)


def states(server: GrpcProcess) -> dict[int, int]:
    """The state of each version."""
    message = protos.GetModelStatusRequest()
    message.model_spec.name = "m"
    with server.channel() as channel:
        answer = channel.unary_unary(STATUS)(message.SerializeToString(), timeout=60)
    found = protos.GetModelStatusResponse.FromString(answer).model_version_status
    return {one.version: one.state for one in found}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_cancelled_calls_leave_nothing_behind(server: GrpcProcess, models: Path) -> None:
    ask_and_go(server, 1, Counter())  # what is made once: threads, variants of the model, memory that is kept
    assert eventually(server.answers)
    files, megabytes = server.open_files, server.resident_megabytes
    codes: Counter[str] = Counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda seed: ask_and_go(server, seed, codes), range(2, 2 + CLIENTS)))
    assert codes.total() == CALLS
    assert set(codes) <= {"OK", "CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE"}  # it could not begin in time
    assert min(codes["CANCELLED"], codes["DEADLINE_EXCEEDED"]) > CALLS // 20

    shutil.copytree(models / "1", models.parent / "2")
    (models.parent / "2").rename(models / "2")
    assert eventually(lambda: states(server).get(2) == AVAILABLE)
    assert eventually(lambda: states(server)[1] == END), "a handle was left behind"

    with server.channel() as channel:
        assert values_of(channel.unary_unary(PREDICT)(request(), timeout=60)) == [3.0]
    assert eventually(lambda: server.open_files <= files + 2), (files, server.open_files)
    assert eventually(lambda: server.resident_megabytes < megabytes + 60), (megabytes, server.resident_megabytes)
    # A thread that has nothing to do ends after 10 seconds.
    assert eventually(lambda: server.threads < 60), server.threads
    code, log = server.end()
    assert (code, "Traceback" in log) == (0, False), log
