"""Calls are joined or batched in each worker, by the flags and files of the server, and counted for the whole."""

from __future__ import annotations

from http.client import HTTPConnection
from pathlib import Path

from tests.server.workers.conftest import Asker, Served, Start, eventually, load
from tests.server.workers.test_whole import CALLS, count

JOINED = 'lightship_joined_calls_total{model="m"}'
BATCHED = ":tensorflow:serving:batching_session:input_batch_size_count{}"
ROW = b'{"instances": [[1.0]]}'  # has the declared rank, so that it can be joined


def metric(served: Served, sample: str) -> float:
    return count(served.get("/metrics")[1], sample)


def predict_rows(served: Served, rows: int) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request("POST", "/v1/models/m:predict", f'{{"instances": {[1.0] * rows}}}'.encode())
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_joined_calls_are_counted_for_the_whole(start: Start, models: Path) -> None:
    served = start(models)
    askers = [Asker(served.port, body=ROW) for _ in range(16)]
    with load(*askers):
        eventually(lambda: metric(served, JOINED) > 0, "no calls are joined")
    assert [asker.lost for asker in askers] == [[]] * 16
    counted = {metric(served, JOINED) for _ in range(8)}  # whichever worker answers
    assert len(counted) == 1
    assert counted.pop() > 0


def test_workers_join_no_calls_if_the_server_shall_not(start: Start, models: Path) -> None:
    served = start(models, "--no-join")
    askers = [Asker(served.port, body=ROW) for _ in range(16)]
    with load(*askers):
        eventually(lambda: all(asker.answered > 200 for asker in askers))
    assert metric(served, JOINED) == 0


def test_the_batching_of_tensorflow_serving_works_in_each_worker(start: Start, models: Path, tmp_path: Path) -> None:
    file = tmp_path / "batching.pbtxt"
    file.write_text("max_batch_size { value: 2 } num_batch_threads { value: 3 }")
    served = start(models, "--enable-batching", f"--batching-parameters-file={file}")
    for _ in range(CALLS):
        assert predict_rows(served, 2)[0] == 200
    # A worker may count a call after its answer.
    eventually(lambda: {metric(served, BATCHED) for _ in range(8)} == {CALLS})
    answers = {predict_rows(served, 3) for _ in range(8)}
    assert len(answers) == 1
    status, text = answers.pop()
    assert status == 400
    assert "Task size 3 is larger than maximum input batch size 2" in text


def test_each_worker_reads_the_batching_parameters_of_a_version(start: Start, models: Path) -> None:
    (models / "1" / "batching_params.pbtxt").write_text("max_batch_size { value: 2 }")
    served = start(models, "--enable-batching", "--per-model-batching-parameters")
    assert {predict_rows(served, 2)[0] for _ in range(8)} == {200}
    assert {predict_rows(served, 3)[0] for _ in range(8)} == {400}
