"""gRPC's server: who may connect, and by which way."""

from __future__ import annotations

import gzip
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import grpc
import numpy as np
import pytest
from tests.server.certificates import Pair, encrypted, issue, make_authority
from tests.server.grpc_process import PREDICT, eventually, request
from tests.server.grpc_serving import predict
from tests.server.http2 import Http2, message

from lightship import protos
from lightship.errors import AlreadyExists, InvalidArgument
from lightship.server import Server, ServerOptions, parse_model_argument, serve
from lightship.server.config.tls import TlsFiles, read_ssl_config, read_tls
from lightship.transports.grpc.options import GrpcOptions, Tls, parse_channel_arguments


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
        predict(channel, timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(server.grpc_address) as channel, pytest.raises(grpc.RpcError) as caught:
        predict(channel, timeout=60)
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
            predict(channel, timeout=60)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_renewed_files_are_for_new_connections(
    half_plus_two: Path, authority: Pair, keys: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = TlsFiles(
        copyfile(keys.certificate, tmp_path / "used.pem"),
        copyfile(keys.key, tmp_path / "used.key"),
        copyfile(authority.certificate, tmp_path / "used.ca"),
    )
    new_authority, client = make_authority(tmp_path, "new_authority"), issue(authority, tmp_path, "client")
    new, new_client = issue(new_authority, tmp_path, "new"), issue(new_authority, tmp_path, "new_client")
    options = ServerOptions(
        [parse_model_argument(f"m={half_plus_two}")],
        rest_port=0,
        grpc_port="auto",
        grpc=GrpcOptions(tls=files.read()),
        tls_files=files,
        settle_seconds=0,
    )
    caplog.set_level(logging.INFO, "lightship")
    with Server(options) as server, secure(server, authority, client) as before:
        server.require_ready(60)
        assert predict(before) == [3.0]
        copyfile(new.certificate, files.certificate)
        server.reread()
        assert eventually(lambda: "was not applied: INVALID_ARGUMENT: the TLS keys cannot be used" in caplog.text)
        with secure(server, authority, issue(authority, tmp_path, "further")) as channel:
            assert predict(channel) == [3.0]
        copyfile(new.key, files.key)
        copyfile(new_authority.certificate, files.client_ca)
        server.reread()
        assert eventually(lambda: "new gRPC connections use the changed TLS keys of" in caplog.text)
        with secure(server, new_authority, new_client) as channel:
            assert predict(channel) == [3.0]
        with secure(server, new_authority, client) as channel, pytest.raises(grpc.RpcError) as caught:
            predict(channel, timeout=60)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert predict(before) == [3.0]


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
    with pytest.raises(InvalidArgument, match="key and the certificate are PEM"):
        serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(tls=Tls(b"key", b"certificate")))


def test_keys_that_cannot_be_used_are_named(half_plus_two: Path, keys: Pair, authority: Pair, tmp_path: Path) -> None:
    empty, other = tmp_path / "empty.pem", tmp_path / "other.pem"
    empty.touch()
    other.write_text("no certificate")
    with pytest.raises(InvalidArgument, match="empty.pem is empty"):
        read_tls(empty, keys.key)
    for files, text in (
        ((keys.certificate, encrypted(keys, tmp_path)), "key for TLS is encrypted"),
        ((keys.certificate, keys.key, other), "authority of the clients"),
    ):
        with pytest.raises(InvalidArgument, match=text):
            serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(tls=read_tls(*files)))


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
    text = f"port {port} is in use on 127.0.0.1; choose another with grpc_port, or 'auto'"
    with pytest.raises(AlreadyExists, match=text):
        serve(half_plus_two, rest_port=0, grpc_port=port)


def test_channel_arguments_reach_grpc(served: Callable[..., Server]) -> None:
    arguments = parse_channel_arguments("grpc.max_receive_message_length=1000,x=y,big=99999999999")
    assert arguments == (("grpc.max_receive_message_length", 1000), ("x", "y"), ("big", "99999999999"))
    server = served(grpc=GrpcOptions(channel_arguments=arguments))
    with grpc.insecure_channel(server.grpc_address) as channel:
        assert predict(channel) == [3.0]
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(PREDICT)(request(np.zeros(1000)), timeout=60)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_requests_are_read(served: Callable[..., Server], compression: grpc.Compression) -> None:
    with grpc.insecure_channel(served().grpc_address, compression=compression) as channel:
        assert predict(channel) == [3.0]


@pytest.mark.slow
def test_large_messages_go_both_ways(served: Callable[..., Server]) -> None:
    values = np.arange(20_000_000, dtype=np.float32)
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(served().grpc_address, options=options) as channel:
        answer = channel.unary_unary(PREDICT)(request(values), timeout=60)
    assert np.array_equal(np.array(protos.PredictResponse.FromString(answer).outputs["y"].float_val), values / 2 + 2)


def test_a_small_message_that_becomes_a_large_one_is_refused(served: Callable[..., Server]) -> None:
    """The limit is that of the message as it is read; else 2 MB would become 2 GiB."""
    arguments = parse_channel_arguments("grpc.max_receive_message_length=1000000")
    server = served(grpc=GrpcOptions(channel_arguments=arguments))
    with Http2(server.grpc_port) as client:
        bomb = message(gzip.compress(bytes(50_000_000)), compressed=True)
        answer = client.ask(bomb, [("grpc-encoding", "gzip")])
    assert answer.status == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
