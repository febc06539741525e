"""Whichever worker answers, it tells of the whole server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import ssl
from http.client import HTTPConnection
from pathlib import Path
from shutil import copyfile

import grpc
import pytest
from benchmarks.ports import free_port
from tests.processes import freeze
from tests.quiz_models import JPEG, with_labels
from tests.server.certificates import issue, make_authority
from tests.server.workers.conftest import (
    Asker,
    Served,
    Start,
    children,
    eventually,
    is_worker,
    load,
    predict_call,
    predict_request,
)

from lightship import Client
from lightship.errors import InvalidArgument
from lightship.protos import HealthCheckRequest, HealthCheckResponse, PredictResponse
from lightship.server import Server, ServerOptions, parse_model_argument, serve
from lightship.server.config.tls import TlsFiles
from lightship.transports.grpc.options import GrpcOptions, Tls

CALLS = 24


def count(page: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_metrics_add_up_what_all_workers_counted(start: Start, models: Path) -> None:
    served = start(models)
    for _ in range(CALLS):
        assert served.predict()[0] == 200
    assert served.predict("none")[0] == 404
    good = ':tensorflow:serving:request_count{model_name="m",status="OK"}'
    for _ in range(4):
        page = served.get("/metrics")[1]
        assert count(page, good) == CALLS
        latency = ':tensorflow:serving:request_latency_count{model_name="m",API="predict",entrypoint="REST"}'
        assert count(page, latency) == CALLS
        assert count(page, latency.replace("_count{", "_bucket{").replace('"REST"}', '"REST",le="+Inf"}')) == CALLS
        runs = ':tensorflow:serving:runtime_latency_count{model_name="m",API="Predict",runtime="TF1"}'
        assert count(page, runs) == CALLS
        assert count(page, ":tensorflow:core:graph_runs{}") == CALLS
        assert page.count(f"# TYPE {good.partition('{')[0]} ") == 1
        assert count(page, "process_resident_memory_bytes") > 150e6  # of three processes
    for worker in served.workers():
        eventually(lambda: count(served.get("/metrics")[1], good) == CALLS)
        os.kill(worker, signal.SIGKILL)
        eventually(lambda w=worker: w not in served.workers() and len(served.workers()) == 2)  # type: ignore[misc]
        assert count(served.get("/metrics")[1], good) == CALLS  # what it counted is not forgotten


def test_status_and_readiness_are_those_of_all_workers(start: Start, models: Path) -> None:
    empty = models.parent / "empty"
    empty.mkdir()
    served = start(models, empty, ready=False)
    eventually(lambda: served.states() == {1: "AVAILABLE"})
    answers = {served.get("/readyz") for _ in range(8)}
    assert len(answers) == 1
    status, text = answers.pop()
    assert status == 503
    assert list(json.loads(text)["models"]) == ["empty"]
    assert {served.get("/livez")[0] for _ in range(4)} == {200}


def health(channel: grpc.Channel, service: str = "") -> int:
    call = channel.unary_unary("/grpc.health.v1.Health/Check")
    answer = call(HealthCheckRequest(service=service).SerializeToString(), timeout=60)
    return int(HealthCheckResponse.FromString(answer).status)


def test_the_health_over_grpc_is_that_of_all_workers(start: Start, models: Path) -> None:
    served = start(models)
    for _ in range(4):
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}", options=options) as channel:
            assert [health(channel), health(channel, "m")] == [1, 1]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_the_workers_are_listed(start: Start, models: Path, scheme: str) -> None:
    served = start(models)
    port = served.port if scheme == "http" else served.grpc_port
    with Client(f"{scheme}://127.0.0.1:{port}") as client:
        eventually(lambda: [one.state for one in client.workers()] == ["SERVING", "SERVING"])
        workers = client.workers()
        assert [(one.number, one.restarts) for one in workers] == [(1, 0), (2, 0)]
        assert sorted(one.pid for one in workers) == sorted(served.workers())
        os.kill(workers[0].pid, signal.SIGKILL)
    with Client(f"{scheme}://127.0.0.1:{port}", retries=10) as client:
        eventually(lambda: [one.restarts for one in client.workers()] == [1, 0])
        eventually(lambda: [one.state for one in client.workers()] == ["SERVING", "SERVING"])


def test_connections_are_spread_evenly(start: Start, models: Path) -> None:
    served = start(models)
    with Client(f"http://127.0.0.1:{served.port}") as client:
        eventually(lambda: [one.state for one in client.workers()] == ["SERVING"] * 2)
    # A worker that the machine does not run for a while cannot take its part.
    eventually(lambda: min(spread(served)) >= 12, "one worker has nearly all connections")


def spread(served: Served) -> list[int]:
    """Opens 40 connections. Returns how many each worker has."""
    with contextlib.ExitStack() as stack:
        opened = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(40)]
        for one in opened:
            stack.enter_context(one)
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for one in opened:
            assert one.recv(1000).startswith(b"HTTP/1.1 200 ")
        found: list[int] = []

        def all_are_seen() -> bool:  # Linux may leave some out while others come and go
            found[:] = [connections_of(worker, served.port) for worker in served.workers()]
            return sum(found) >= 40

        eventually(all_are_seen)
        return found


def connections_of(pid: int, port: int) -> int:
    """The number of a process's established connections at a local port of which it has read all that has come."""
    established = {
        words[9]
        for words in (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if int(words[1].rpartition(":")[2], 16) == port
        and words[3] == "01"
        and int(words[4].partition(":")[2], 16) == 0
    }
    links = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(fd))
        except OSError:
            continue
    return sum(link.removeprefix("socket:[").removesuffix("]") in established for link in links)


def test_a_drain_answers_what_all_workers_hold(start: Start, models: Path) -> None:
    served = start(models, "--drain-stall-timeout=60")
    head = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", served.port), timeout=60) for _ in range(8)]
    for one in held:
        one.sendall(head + b'{"instances": [1.0]')
    askers = [Asker(served.port), Asker(served.port, keep_alive=False)]
    with load(*askers):
        served.signal()
        eventually(lambda: served.get("/readyz")[0] == 503)
        for asker in askers:
            asker.stopped = True
    for one in held:
        with one:
            one.sendall(b"}")
            assert b"2.5" in b"".join(iter(lambda c=one: c.recv(1000), b""))  # type: ignore[misc]
    assert served.ended() == 0
    assert served.log.count(" stopped") == 1
    assert [lost for asker in askers for lost in asker.lost if "refused" not in lost] == []


def test_the_time_to_drain_is_that_of_all_workers(start: Start, models: Path) -> None:
    served = start(models, "--drain-seconds=0.5")
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as stalled:
        stalled.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{")
        eventually(lambda: sum(connections_of(worker, served.port) for worker in served.workers()) == 1)
        served.signal()
        assert served.ended() == 1
    assert "1 calls had not finished after 0.5 seconds and were cancelled" in served.log


def test_a_worker_that_does_not_answer_at_the_end_is_no_call(start: Start, models: Path) -> None:
    served = start(models, "--drain-seconds=0.5")
    freeze(served.workers()[0])
    served.signal()
    assert served.ended() == 1
    (error,) = [line for line in served.log.splitlines() if line.startswith("error: ")]
    assert re.fullmatch(r"error: worker \d did not answer while it finished its calls, and was killed", error)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_all_at_once(start: Start, models: Path, number: int, code: int) -> None:
    def ends_when_told() -> bool:
        served.signal(number)
        return served.popen.poll() is not None

    served = start(models)
    workers = served.workers()
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as stalled:
        stalled.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{")
        eventually(lambda: sum(connections_of(worker, served.port) for worker in served.workers()) == 1)
        served.signal()
        eventually(lambda: served.get("/readyz")[0] == 503)
        eventually(ends_when_told)  # one that comes at once is not a second one
        assert served.ended() == code
    eventually(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))


def test_a_signal_while_the_workers_start_ends_all(start: Start, models: Path) -> None:
    served = start(models, ready=False)
    workers = eventually(served.workers)
    served.signal()
    assert served.ended() == 0
    eventually(lambda: not any(Path(f"/proc/{worker}/exe").exists() for worker in workers))


def test_hangup_reads_the_models_again_for_all_workers(start: Start, models: Path, half_plus_two: Path) -> None:
    listed = models.parent / "models.config"

    def write(*names: str) -> None:
        entries = (f'config {{ name: "{n}" base_path: "{models}" model_platform: "tensorflow" }}' for n in names)
        listed.write_text(f"model_config_list {{ {' '.join(entries)} }}")

    write("m")
    rest, own = free_port(), free_port()
    served = start(
        f"--model_config_file={listed}",
        f"--rest_api_port={rest}",
        f"--port={own}",
        command="lightship-model-server",
        ready=False,
    )
    served.port, served.grpc_port = rest, own
    eventually(lambda: served.predict()[0] == 200)
    assert served.get("/readyz")[0] == 200  # the ports were opened after the models were loaded
    eventually(lambda: served.log.count("Exporting HTTP/REST API") == 1)
    write("m", "more")
    served.signal(signal.SIGHUP)
    eventually(lambda: {served.predict("more")[0] for _ in range(6)} == {200})
    served.signal()
    assert served.ended() == 0


def test_a_model_that_cannot_be_loaded_ends_the_drop_in_command(start: Start, models: Path) -> None:
    (models / "1" / "saved_model.pb").write_bytes(b"not a graph")
    rest, own = free_port(), free_port()
    served = start(
        f"--model_base_path={models}",
        "--model_name=m",
        "--max_num_load_retries=0",
        f"--rest_api_port={rest}",
        f"--port={own}",
        command="lightship-model-server",
        ready=False,
    )
    assert served.ended() == 255
    assert "1 servable(s) did not become available" in served.log


def test_strict_ends_all_workers(start: Start, models: Path) -> None:
    (models / "1" / "saved_model.pb").write_bytes(b"not a graph")
    served = start(models, "--strict", ready=False)
    assert served.ended() == 1
    assert "m cannot be served" in served.log


def test_tls_and_a_unix_socket_are_shared_too(tmp_path: Path, half_plus_two: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    made = issue(authority, tmp_path, "server")
    tls = Tls(made.key.read_bytes(), made.certificate.read_bytes())
    options = GrpcOptions(socket_path=str(tmp_path / "grpc.sock"), tls=tls)
    with serve(f"m={half_plus_two}", rest_port="auto", grpc_port="auto", grpc=options, workers=2) as server:
        assert server.wait_ready(120)
        for address in (f"localhost:{server.grpc_port}", f"unix:{tmp_path}/grpc.sock"):
            credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
            overridden = [("grpc.ssl_target_name_override", "localhost"), ("grpc.use_local_subchannel_pool", 1)]
            for _ in range(4):
                with grpc.secure_channel(address, credentials, options=overridden) as channel:
                    answer = predict_call(channel)(predict_request("m"), timeout=60)
                    assert PredictResponse.FromString(answer).outputs["y"].float_val[0] == 2.5
    assert not (tmp_path / "grpc.sock").exists()


def test_workers_renew_a_certificate_and_so_does_one_that_is_started_again(tmp_path: Path, half_plus_two: Path) -> None:
    authority = make_authority(tmp_path, "authority")
    old, new = issue(authority, tmp_path, "old"), issue(authority, tmp_path, "new")
    used = TlsFiles(copyfile(old.certificate, tmp_path / "used.pem"), copyfile(old.key, tmp_path / "used.key"))
    grpc_options = GrpcOptions(tls=used.read())
    models = [parse_model_argument(f"m={half_plus_two}")]
    options = ServerOptions(
        models, rest_port="auto", grpc_port="auto", grpc=grpc_options, tls_files=used, workers=2, settle_seconds=0
    )

    def shown() -> set[str]:
        """Of several connections, so that each worker has some."""
        port = server.grpc_port
        return {ssl.get_server_certificate(("127.0.0.1", port), timeout=60).strip() for _ in range(8)}

    with Server(options) as server:
        assert server.wait_ready(120)
        assert shown() == {old.certificate.read_text().strip()}
        copyfile(new.certificate, used.certificate)
        copyfile(new.key, used.key)
        server.reread()
        wanted = {new.certificate.read_text().strip()}
        eventually(lambda: shown() == wanted)
        with Client(server.rest_url) as client:
            before = {one.pid for one in client.workers()}
            os.kill(min(before), signal.SIGKILL)
            eventually(lambda: len({one.pid for one in client.workers() if one.state == "SERVING"} - before) == 1)
        assert shown() == wanted


def test_a_program_can_serve_with_workers(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", grpc_port="auto", workers=2) as server:
        assert server.wait_ready(120)
        with Client(server.rest_url) as client:
            assert client.predict("m", [[1.0]])["y"].tolist() == [[2.5]]
            workers = [one.pid for one in client.workers()]
        server.reload([*server.configuration.models], 60)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert workers


@pytest.mark.parametrize("workers", [0, -1, "all", 1.5, 100_000])
def test_a_wrong_number_of_workers_is_refused(half_plus_two: Path, workers: object) -> None:
    with pytest.raises(InvalidArgument, match="workers="):
        serve(f"m={half_plus_two}", workers=workers)


def test_one_worker_is_no_further_process(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", workers=1) as server:
        assert server._supervisor is None
        assert not any(map(is_worker, children(os.getpid())))
        assert server.wait_ready(120)
        with Client(server.rest_url) as client:
            assert client.workers() == ()


def test_each_worker_has_the_same_photos_of_the_game(start: Start, half_plus_two: Path, tmp_path: Path) -> None:
    for label in ("pug", "beagle"):
        (tmp_path / "quiz" / label).mkdir(parents=True)
        (tmp_path / "quiz" / label / "1.jpg").write_bytes(JPEG)
    model = with_labels(half_plus_two, tmp_path / "dog", ["pug", "beagle", "corgi", "poodle", "collie"])
    served = start(f"m={model}", "--quiz", tmp_path / "quiz")
    games = [json.loads(served.get("/ui/m/quiz/rounds")[1])["rounds"] for _ in range(CALLS)]
    found = {one["photo"]: one["choices"] for one in games[0]}
    assert len(found) == 2
    assert all({one["photo"]: one["choices"] for one in game} == found for game in games)
    for photo in found:
        connections = [HTTPConnection("127.0.0.1", served.port, timeout=60) for _ in range(CALLS)]
        for connection in connections:
            with contextlib.closing(connection):
                connection.request("GET", f"/ui/m/quiz/photos/{photo}")
                assert connection.getresponse().read() == JPEG
