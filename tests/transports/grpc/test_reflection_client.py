"""gRPC's own client of reflection: it finds the services, and calls them with nothing but what it found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from lightship.server import serve
from lightship.transports.grpc.options import GrpcOptions

PREDICTION = "tensorflow.serving.PredictionService"


@pytest.fixture(scope="module")
def channel(half_plus_two: Path) -> Iterator[grpc.Channel]:
    server = serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=GrpcOptions(reflection=True))
    with server, grpc.insecure_channel(server.grpc_address) as opened:
        assert server.wait_ready(60)
        yield opened


def test_it_lists_the_services(channel: grpc.Channel) -> None:
    found = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {PREDICTION, "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= set(found)


def test_every_message_of_every_service_is_found(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    methods = [method for name in database.get_services() for method in pool.FindServiceByName(name).methods]
    for method in methods:
        for kind in (method.input_type, method.output_type):
            assert GetMessageClass(kind).FromString(b"").ByteSize() == 0
    assert {"Predict", "GetModelStatus", "Check", "Watch"} <= {method.name for method in methods}


def test_it_calls_what_it_found(channel: grpc.Channel) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName(PREDICTION).FindMethodByName("Predict")
    request = GetMessageClass(method.input_type)()
    request.model_spec.name = "half_plus_two"
    request.inputs["x"].dtype = 1
    request.inputs["x"].float_val.append(2.0)
    answer = channel.unary_unary(f"/{PREDICTION}/Predict")(request.SerializeToString(), timeout=60)
    assert list(GetMessageClass(method.output_type).FromString(answer).outputs["y"].float_val) == [3.0]


def test_what_is_not_there_is_not_found(channel: grpc.Channel) -> None:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    with pytest.raises(KeyError):
        pool.FindMessageTypeByName("no.such.Message")
