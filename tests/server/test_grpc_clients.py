"""gRPC's interoperability cases for unary calls, by each client and by each way to connect.

`tests/compat/test_grpc_js.py` does the same with `@grpc/grpc-js`. What a library does not let through is in
`test_grpc_calls.py`.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest
from tests.server.certificates import Pair, issue, make_authority
from tests.server.grpc_process import PREDICT, request, values_of

from lightship.server import serve
from lightship.server.config.tls import read_tls
from lightship.transports.grpc.options import GrpcOptions

CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
LARGE = np.ones(300_000, np.float32)
NAMES = "Größe ☺\t\n%"  # of a model, which comes back in a status
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1))


@dataclass(frozen=True, slots=True)
class Way:
    """address: as gRPC's clients write it. url: as nghttp2's tools write it. words: further words for these."""

    address: str
    url: str
    credentials: grpc.ChannelCredentials | None = None
    words: tuple[str, ...] = ()

    def channel(self) -> grpc.Channel:
        if self.credentials is None:
            return grpc.insecure_channel(self.address, options=OPTIONS)
        return grpc.secure_channel(self.address, self.credentials, options=OPTIONS)

    def aio_channel(self) -> grpc.aio.Channel:
        if self.credentials is None:
            return grpc.aio.insecure_channel(self.address, options=OPTIONS)
        return grpc.aio.secure_channel(self.address, self.credentials, options=OPTIONS)


@pytest.fixture(scope="module", params=["plain", "tls", "mutual tls", "unix socket"])
def way(request: pytest.FixtureRequest, half_plus_two: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    folder = tmp_path_factory.mktemp("grpc")
    options = GrpcOptions(socket_path=str(folder / "socket"))
    authority = keys = client = None
    if "tls" in request.param:
        authority = make_authority(folder, "authority")
        keys, client = issue(authority, folder, "server"), issue(authority, folder, "client")
        tls = read_tls(keys.certificate, keys.key, authority.certificate if "mutual" in request.param else None)
        options = GrpcOptions(tls=tls)
    with serve(f"m={half_plus_two}", rest_port=0, grpc_port="auto", grpc=options) as server:
        assert server.wait_ready(60)
        yield _way(request.param, server.grpc_port, options, authority, client)


def _way(name: str, port: int, options: GrpcOptions, authority: Pair | None, client: Pair | None) -> Way:
    if name == "unix socket":
        base = f"--base-uri=unix:{options.socket_path}"
        return Way(f"unix:{options.socket_path}", f"http://localhost{PREDICT}", words=(base,))
    if authority is None or client is None:
        return Way(f"localhost:{port}", f"http://127.0.0.1:{port}{PREDICT}")
    own = (client.key.read_bytes(), client.certificate.read_bytes()) if "mutual" in name else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), *own)
    words = (f"--cert={client.certificate}", f"--key={client.key}") if "mutual" in name else ()
    return Way(f"localhost:{port}", f"https://localhost:{port}{PREDICT}", credentials, words)


def test_the_blocking_client(way: Way) -> None:
    with way.channel() as channel:
        ask = channel.unary_unary(PREDICT)
        assert channel.unary_unary(CHECK)(b"", timeout=60)  # an empty message
        assert values_of(ask(request(), timeout=60)) == [3.0]
        assert len(values_of(ask(request(LARGE), timeout=60))) == LARGE.size
        assert values_of(ask(request(), timeout=60, compression=grpc.Compression.Gzip)) == [3.0]
        cancelled = ask.future(request(LARGE), timeout=60)
        cancelled.cancel()
        assert cancelled.code() is grpc.StatusCode.CANCELLED
        late = _failure(lambda: list(channel.unary_stream(WATCH)(b"", timeout=0.3)))  # has no end of its own
        assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        special = _failure(lambda: ask(request(model=NAMES), timeout=60))
        assert (special.code(), special.details()) == (
            grpc.StatusCode.NOT_FOUND,
            f"Servable not found for request: Latest({NAMES})",
        )
        for method in (f"{PREDICT}s", "/unknown.Service/Predict"):
            unknown = _failure(lambda method=method: channel.unary_unary(method)(b"", timeout=60))  # type: ignore[misc]
            assert unknown.code() is grpc.StatusCode.UNIMPLEMENTED
        many = [ask.future(request([float(number)]), timeout=60) for number in range(200)]
        assert [values_of(one.result()) for one in many] == [[number / 2 + 2] for number in range(200)]


def test_the_asynchronous_client(way: Way) -> None:
    async def run() -> None:
        async with way.aio_channel() as channel:
            ask = channel.unary_unary(PREDICT)
            assert values_of(await ask(request(), timeout=60)) == [3.0]
            assert len(values_of(await ask(request(LARGE), timeout=60))) == LARGE.size
            assert values_of(await ask(request(), timeout=60, compression=grpc.Compression.Gzip)) == [3.0]
            cancelled = ask(request(LARGE), timeout=60)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            for call, code in (
                (ask(request(model=NAMES), timeout=60), grpc.StatusCode.NOT_FOUND),
                (channel.unary_unary(f"{PREDICT}s")(b"", timeout=60), grpc.StatusCode.UNIMPLEMENTED),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is code
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in channel.unary_stream(WATCH)(b"", timeout=0.3):
                    pass
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            many = [ask(request([float(number)]), timeout=60) for number in range(200)]
            assert [values_of(await one) for one in many] == [[number / 2 + 2] for number in range(200)]

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="needs nghttp (Debian's nghttp2-client)")
def test_the_tools_of_nghttp2(way: Way, tmp_path: Path) -> None:
    body = tmp_path / "message"
    message = request()
    body.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    words = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body)]
    if not any(word.startswith("--cert") for word in way.words):  # h2load has no certificates
        done = _output("h2load", "-n500", "-c2", "-m10", *words, *way.words, way.url)
        assert "500 succeeded, 0 failed, 0 errored" in done
    if not way.address.startswith("unix:"):  # nghttp has no sockets of this kind
        assert "grpc-status: 0" in _output("nghttp", "-v", "--no-verify-peer", *way.words, *words, way.url)


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(errors="replace")


def _failure(call: object) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()  # type: ignore[operator]
    return caught.value
