"""Where the health check asks, and what it says."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from benchmarks.ports import free_port

from lightship.cli.container_health import not_ready, ports_of
from lightship.server import serve

ENTRY = ["/opt/lightship/bin/python", "-I", "/usr/bin/tf_serving_entrypoint.sh"]


@pytest.mark.parametrize(
    ("command", "environment", "ports"),
    [
        (ENTRY, {}, (8501, 8500)),
        ([*ENTRY, "--rest_api_port=9000", "--port=9001"], {}, (9000, 9001)),
        ([*ENTRY, "--rest_api_port=9000", "--rest_api_port", "9002"], {}, (9002, 8500)),
        (["/usr/bin/tini", "-s", "--", *ENTRY, "--rest_api_port=9000"], {}, (9000, 8500)),
        (["/sbin/docker-init", "--", *ENTRY, "--rest_api_port=0"], {}, (0, 8500)),
        (["lightship", "serve", "dog", "--rest-port", "80"], {}, (80, 8500)),
        (["lightship", "serve", "dog"], {"LIGHTSHIP_REST_PORT": "81", "LIGHTSHIP_GRPC_PORT": "82"}, (81, 82)),
        ([*ENTRY, "--rest_api_port"], {"LIGHTSHIP_REST_PORT": "auto"}, (8501, 8500)),
    ],
)
def test_it_finds_the_ports(command: list[str], environment: dict[str, str], ports: tuple[int, int]) -> None:
    assert ports_of(command, environment) == ports


def test_it_finds_the_ports_of_a_configuration_file(tmp_path: Path) -> None:
    config = tmp_path / "lightship.toml"
    config.write_text("rest_port = 80\ngrpc_port = 'auto'\n[models.dog]\npath = 'dog'\n")
    served = ["lightship", "serve", "--config", str(config)]
    assert ports_of(served, {}) == (80, 8500)
    assert ports_of(["lightship", "serve"], {"LIGHTSHIP_CONFIG": str(config)}) == (80, 8500)
    assert ports_of([*served, "--rest-port=81"], {"LIGHTSHIP_GRPC_PORT": "82"}) == (81, 82)
    config.write_text("rest_port =")
    assert ports_of(served, {}) == (8501, 8500)


def test_a_ready_server(half_plus_two: Path) -> None:
    with serve(half_plus_two, rest_port="auto") as server:
        assert server.wait_ready()
        assert not_ready(server.rest_port, 0) == ""


def test_a_server_whose_model_is_missing(tmp_path: Path) -> None:
    (tmp_path / "dog").mkdir()
    with serve(tmp_path / "dog", wait=False, rest_port="auto") as server:
        assert "dog" in not_ready(server.rest_port, 0)


def test_without_rest_a_connection_has_to_do() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert not_ready(0, port) == ""
    with pytest.raises(ConnectionRefusedError):
        not_ready(0, port)
