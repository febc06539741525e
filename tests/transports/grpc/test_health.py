"""grpc.health.v1: overall, of the services, and of each model; and its changes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tests.transports.grpc.conftest import call, refusal

from lightship import protos
from lightship.server import Server, serve
from lightship.transports.grpc.context import HealthOf
from lightship.transports.grpc.options import GrpcOptions

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


@pytest.fixture
def late(tmp_path: Path, half_plus_two: Path) -> Iterator[tuple[Server, grpc.Channel]]:
    """A server whose model half answers and whose model late does not."""
    models = [f"half={half_plus_two}", f"late={tmp_path / 'late'}"]
    (tmp_path / "late").mkdir()
    with serve(*models, wait=False, rest_port=0, grpc_port="auto", poll_seconds=0.05) as server:
        assert server.manager.wait(lambda manager: "half" not in manager.not_ready(), 60)
        with grpc.insecure_channel(server.grpc_address) as channel:
            yield server, channel


def status(channel: grpc.Channel, service: str) -> int:
    return int(call(channel, "Check", protos.HealthCheckRequest(service=service)).status)


def test_each_model_has_a_health_of_its_own(late: tuple[Server, grpc.Channel]) -> None:
    _, channel = late
    assert [status(channel, name) for name in ("half", "late", "")] == [SERVING, NOT_SERVING, NOT_SERVING]
    assert [status(channel, name) for name in ("PredictionService", "ModelService")] == [SERVING, SERVING]


def test_other_names_are_not_found(late: tuple[Server, grpc.Channel]) -> None:
    code, text = refusal(late[1], "Check", protos.HealthCheckRequest(service="no"))
    assert (code, text) == ("NOT_FOUND", "service name unknown")


def watched(channel: grpc.Channel, service: str) -> Iterator[int]:
    asked = protos.HealthCheckRequest(service=service).SerializeToString()
    for answer in channel.unary_stream("/grpc.health.v1.Health/Watch")(asked, timeout=60):
        yield protos.HealthCheckResponse.FromString(answer).status


def test_a_change_is_reported(late: tuple[Server, grpc.Channel], half_plus_two: Path, tmp_path: Path) -> None:
    server, channel = late
    changes = watched(channel, "")
    assert next(changes) == NOT_SERVING
    shutil.copytree(half_plus_two / "123", tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "late" / "1")
    assert next(changes) == SERVING
    assert server.manager.ready()


def test_an_unknown_name_is_watched_too(late: tuple[Server, grpc.Channel]) -> None:
    assert next(watched(late[1], "no")) == SERVICE_UNKNOWN


def test_watchers_are_notified_of_the_end(half_plus_two: Path) -> None:
    server = serve(f"half={half_plus_two}", rest_port=0, grpc_port="auto")
    assert server.wait_ready(60)
    with grpc.insecure_channel(server.grpc_address) as channel:
        changes = watched(channel, "half")
        assert next(changes) == SERVING
        server.stop()
        assert list(changes) == [NOT_SERVING]


def test_more_watchers_than_there_may_be_are_refused(late: tuple[Server, grpc.Channel]) -> None:
    watches = [watched(late[1], "half") for _ in range(65)]
    with pytest.raises(grpc.RpcError) as caught:
        assert [next(one) for one in watches] == [SERVING] * 65
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(("health", "expected"), [("port", "SERVING"), ("off", "UNIMPLEMENTED")])
def test_it_can_be_as_tensorflow_servings_or_off(tmp_path: Path, health: HealthOf, expected: str) -> None:
    server = serve(tmp_path, wait=False, rest_port=0, grpc_port="auto", grpc=GrpcOptions(health=health))
    with server, grpc.insecure_channel(server.grpc_address) as channel:
        if expected == "SERVING":
            assert status(channel, "") == SERVING
        else:
            assert refusal(channel, "Check", "")[0] == expected
