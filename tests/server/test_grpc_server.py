"""gRPC's server: who may connect and by which way, how calls end early, and how the server ends."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tests.server.certificates import Pair, issue, make_authority
from tests.server.conftest import Run

from lightship import protos
from lightship.bundle.tensor_writing import write_tensor
from lightship.errors import AlreadyExists, FailedPrecondition, InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.server import Server, serve
from lightship.server.grpc_options import GrpcOptions, Tls, parse_channel_arguments, read_ssl_config, read_tls

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def request(values: Any = (2.0,)) -> bytes:
    message = protos.PredictRequest()
    message.model_spec.name = "m"
    write_tensor(message.inputs["x"], np.float32(values), as_content=True)
    return message.SerializeToString()


def predict(channel: grpc.Channel, **options: Any) -> list[float]:
    answer = channel.unary_unary(PREDICT)(request(), **{"timeout": 20} | options)
    return list(protos.PredictResponse.FromString(answer).outputs["y"].float_val)


@pytest.fixture
def served(half_plus_two: Path) -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def serving(**options: Any) -> Server:
        server = serve(f"m={half_plus_two}", **{"rest_port": 0, "grpc_port": "auto"} | options)
        running.append(server)
        assert server.wait_ready(60)
        return server

    yield serving
    for server in running:
        server.stop()


class Slow:
    """An engine that waits until it may go on."""

    def __init__(self, servable: Servable) -> None:
        self.engine, self.begun, self.go_on = servable.engine, threading.Semaphore(0), threading.Event()
        self.runs = 0

    def run(self, *arguments: Any, **options: Any) -> Any:
        self.runs += 1
        self.begun.release()
        assert self.go_on.wait(60)
        return self.engine.run(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[Server], Slow]:
    """Makes the runs of a server's model m wait."""

    def slowed(server: Server) -> Slow:
        with server.manager.handle("m") as handle:
            engine = Slow(handle.servable)
        lease = server.manager._serving._models["m"].latest
        assert lease is not None
        monkeypatch.setattr(lease, "servable", replace(lease.servable, engine=engine))
        return engine

    return slowed


def handles(server: Server) -> int:
    lease = server.manager._serving._models["m"].latest
    assert lease is not None
    return lease._handles


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def closed(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, authority: Pair) -> Pair:
    return issue(authority, tmp_path_factory.mktemp("server"), "server")


def secure(server: Server, authority: Pair, client: Pair | None = None) -> grpc.Channel:
    own = (client.key.read_bytes(), client.certificate.read_bytes()) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *own)
    return grpc.secure_channel(f"localhost:{server.grpc_port}", credentials)


def test_tls_answers_those_who_trust_its_authority(
    served: Callable[..., Server], authority: Pair, keys: Pair, tmp_path: Path
) -> None:
    server = served(grpc=GrpcOptions(tls=read_tls(keys.certificate, keys.key)))
    with secure(server, authority) as channel:
        assert predict(channel) == [3.0]
    with secure(server, make_authority(tmp_path, "other")) as channel, pytest.raises(grpc.RpcError) as caught:
        predict(channel, timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(server.grpc_address) as channel, pytest.raises(grpc.RpcError) as caught:
        predict(channel, timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_mutual_tls_lets_in_only_who_has_a_certificate_of_the_authority(
    served: Callable[..., Server], authority: Pair, keys: Pair, tmp_path: Path
) -> None:
    server = served(grpc=GrpcOptions(tls=read_tls(keys.certificate, keys.key, authority.certificate)))
    with secure(server, authority, issue(authority, tmp_path, "client")) as channel:
        assert predict(channel) == [3.0]
    stranger = issue(make_authority(tmp_path, "other"), tmp_path, "stranger")
    for client in (None, stranger):
        with secure(server, authority, client) as channel, pytest.raises(grpc.RpcError) as caught:
            predict(channel, timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_ssl_config_file_holds_the_keys_themselves(authority: Pair, keys: Pair, tmp_path: Path) -> None:
    def quoted(file: Path) -> str:
        return '"' + file.read_text().replace("\n", "\\n") + '"'

    file = tmp_path / "ssl.config"
    ours = f"server_key: {quoted(keys.key)} server_cert: {quoted(keys.certificate)}"
    file.write_text(f"{ours} custom_ca: {quoted(authority.certificate)} client_verify: true")
    assert read_ssl_config(str(file)) == read_tls(keys.certificate, keys.key, authority.certificate)
    file.write_text(f"{ours} client_verify: true")
    with pytest.raises(InvalidArgument, match="against an authority"):
        read_ssl_config(str(file))


def test_keys_that_are_none_are_refused(half_plus_two: Path) -> None:
    with pytest.raises(InvalidArgument, match="key and the certificate must be PEM"):
        serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(tls=Tls(b"key", b"certificate")))


def test_a_unix_socket_answers_too_and_replaces_an_old_one(served: Callable[..., Server], tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    server = served(grpc=GrpcOptions(socket_path=str(path)))
    for address in (f"unix:{path}", server.grpc_address):
        with grpc.insecure_channel(address) as channel:
            assert predict(channel) == [3.0]


def test_a_unix_socket_alone_is_enough(served: Callable[..., Server], tmp_path: Path) -> None:
    server = served(grpc_port=0, grpc=GrpcOptions(socket_path=str(tmp_path / "s")))
    assert (server.grpc_port, server.rest_port) == (0, 0)
    with grpc.insecure_channel(f"unix:{tmp_path / 's'}") as channel:
        assert predict(channel) == [3.0]


def test_a_socket_that_cannot_be_is_refused(half_plus_two: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="no/s"):
        serve(half_plus_two, rest_port=0, grpc=GrpcOptions(socket_path=str(tmp_path / "no" / "s")))


def test_two_servers_do_not_share_a_port(served: Callable[..., Server], half_plus_two: Path) -> None:
    port = served().grpc_port
    with pytest.raises(AlreadyExists, match=f"port {port} is in use on 127.0.0.1; choose another with --grpc-port"):
        serve(half_plus_two, rest_port=0, grpc_port=port)


def test_channel_arguments_reach_grpc(served: Callable[..., Server]) -> None:
    arguments = parse_channel_arguments("grpc.max_receive_message_length=1000,x=y,big=99999999999")
    assert arguments == (("grpc.max_receive_message_length", 1000), ("x", "y"), ("big", "99999999999"))
    server = served(grpc=GrpcOptions(channel_arguments=arguments))
    with grpc.insecure_channel(server.grpc_address) as channel:
        assert predict(channel) == [3.0]
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(PREDICT)(request(np.zeros(1000)), timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_read(served: Callable[..., Server], compression: grpc.Compression) -> None:
    with grpc.insecure_channel(served().grpc_address, compression=compression) as channel:
        assert predict(channel) == [3.0]


def test_large_messages_go_both_ways(served: Callable[..., Server]) -> None:
    values = np.arange(20_000_000, dtype=np.float32)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(served().grpc_address, options=options) as channel:
        answer = channel.unary_unary(PREDICT)(request(values), timeout=60)
    assert np.array_equal(np.array(protos.PredictResponse.FromString(answer).outputs["y"].float_val), values / 2 + 2)


def test_a_call_that_times_out_gives_its_handle_back(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            predict(channel, timeout=0.3)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert handles(server) == 1
        engine.go_on.set()
        eventually(lambda: handles(server) == 0)
        assert predict(channel) == [3.0]


def test_a_call_that_is_cancelled_gives_its_handle_back(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = channel.unary_unary(PREDICT).future(request(), timeout=20)
        assert engine.begun.acquire(timeout=20)
        pending.cancel()
        engine.go_on.set()
        eventually(lambda: handles(server) == 0)


def test_a_call_whose_time_is_up_before_its_turn_is_not_run(served: Callable[..., Server], slow: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        first = channel.unary_unary(PREDICT).future(request(), timeout=20)
        assert engine.begun.acquire(timeout=20)
        with pytest.raises(grpc.RpcError):
            predict(channel, timeout=0.2)
        cancelled = channel.unary_unary(PREDICT).future(request(), timeout=20)
        cancelled.cancel()
        engine.go_on.set()
        assert first.result(20)
        assert predict(channel) == [3.0]
    assert engine.runs == 2
    assert handles(server) == 0


@pytest.mark.parametrize("timeout", [None, 1e8])
def test_a_call_without_a_deadline_waits_for_its_turn(served: Callable[..., Server], slow: Any, timeout: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = [channel.unary_unary(PREDICT).future(request(), timeout=timeout) for _ in range(3)]
        assert engine.begun.acquire(timeout=20)
        api = server._ports.grpc._api  # type: ignore[union-attr]
        eventually(lambda: api is not None and api.unfinished == 3)
        engine.go_on.set()
        assert all(one.result(20) for one in pending)


def test_other_calls_are_answered_while_all_turns_are_taken(served: Callable[..., Server], slow: Any) -> None:
    server = served(grpc=GrpcOptions(runs=1))
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        first = channel.unary_unary(PREDICT).future(request(), timeout=20)
        assert engine.begun.acquire(timeout=20)
        check = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20)
        assert protos.HealthCheckResponse.FromString(check).status == 1
        engine.go_on.set()
        assert first.result(20)


def test_stopping_answers_what_was_sent_and_takes_nothing_more(served: Callable[..., Server], slow: Any) -> None:
    server = served()
    engine, address = slow(server), server.grpc_address
    with grpc.insecure_channel(address) as channel:
        pending = [channel.unary_unary(PREDICT).future(request(), timeout=30) for _ in range(3)]
        for _ in pending:
            assert engine.begun.acquire(timeout=20)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        eventually(lambda: closed(address))
        engine.go_on.set()
        assert all(one.result(20) for one in pending)
        stopping.join(20)
    assert not stopping.is_alive()


def test_calls_that_take_too_long_are_cut_off_and_told_of(half_plus_two: Path, slow: Any) -> None:
    server = serve(f"m={half_plus_two}", rest_port=0, grpc_port="auto", drain_seconds=0.3)
    assert server.wait_ready(60)
    engine = slow(server)
    with grpc.insecure_channel(server.grpc_address) as channel:
        pending = channel.unary_unary(PREDICT).future(request(), timeout=30)
        assert engine.begun.acquire(timeout=20)
        ended: list[str] = []

        def stop() -> None:
            try:
                server.stop()
            except FailedPrecondition as error:
                ended.append(error.message)

        stopping = threading.Thread(target=stop)
        stopping.start()
        assert isinstance(pending.exception(20), grpc.RpcError)
        engine.go_on.set()
        stopping.join(40)
    assert ended == ["1 calls were cut off after 0.3 seconds"]


def test_sigterm_lets_calls_under_way_finish(run: Run, half_plus_two: Path) -> None:
    process = run(f"m={half_plus_two}", grpc=True)
    address = f"127.0.0.1:{process.grpc_port}"
    faults: list[tuple[grpc.StatusCode, str]] = []
    stop, done = threading.Event(), []

    def ask() -> None:
        with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            while not stop.is_set():
                try:
                    done.append(predict(channel))
                except grpc.RpcError as error:
                    faults.append((error.code(), error.details()))
                    return

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    eventually(lambda: len(done) > 50)
    process.signal(signal.SIGTERM)
    code, log = process.ended()
    stop.set()
    for thread in asking:
        thread.join(30)
    assert code == 0, log
    refused = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}  # by gRPC's core, before they came to us
    assert {code for code, _ in faults} <= refused, faults
    assert all(answer == [3.0] for answer in done)
