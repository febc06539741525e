"""The server whose HTTP/2 is Rust's: what it cannot do it refuses, and what it is asked by both ways it answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from tests.server.grpc_process import PREDICT, request, values_of

from lightship.errors import AlreadyExists, InvalidArgument
from lightship.server import serve
from lightship.server.grpc_options import GrpcOptions, Tls


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"tls": Tls(b"key", b"certificate")}, "TLS"),
        ({"reflection": True}, "reflection"),
        ({"channel_arguments": (("grpc.max_connection_age_ms", 1),)}, "channel arguments"),
    ],
)
def test_what_it_cannot_do_is_refused(half_plus_two: Path, options: dict[str, object], what: str) -> None:
    with pytest.raises(InvalidArgument, match=f"native has no {what}: choose grpcio"):
        serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(server="native", **options))  # type: ignore[arg-type]


def test_without_the_library_the_command_to_install_it_is_said(half_plus_two: Path) -> None:
    words = ["serve", str(half_plus_two), "--rest-port", "0", "--grpc-port", "auto", "--grpc-server", "native"]
    program = (
        f"import sys; sys.modules['pygrpc_native'] = None; sys.argv[1:] = {words!r}; "
        "from lightship.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install 'lightship[grpc-native]'" in done.stderr


def test_port_and_socket_are_served_at_once(half_plus_two: Path, tmp_path: Path) -> None:
    options = GrpcOptions(server="native", socket_path=str(tmp_path / "serving.sock"))
    with serve(f"m={half_plus_two}", rest_port=0, grpc_port="auto", grpc=options) as server:
        assert server.wait_ready(60)
        for target in (server.grpc_address, f"unix:{options.socket_path}"):
            with grpc.insecure_channel(target) as channel:
                assert values_of(channel.unary_unary(PREDICT)(request(), timeout=20)) == [3.0]


def test_a_port_that_is_taken_is_told(half_plus_two: Path) -> None:
    options = GrpcOptions(server="native")
    with (
        serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=options) as server,
        pytest.raises(AlreadyExists, match=str(server.grpc_port)),
    ):
        serve(half_plus_two, rest_port=0, grpc_port=server.grpc_port, grpc=options)
