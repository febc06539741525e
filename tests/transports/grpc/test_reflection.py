"""Reflection, when it is asked for: what services there are, and their messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from tests.server.http2 import Http2, message

from lightship import protos
from lightship.server import Server, serve
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.grpc.reflection import METHODS, PACKAGES


@pytest.fixture(scope="module")
def server(half_plus_two: Path) -> Iterator[Server]:
    options = GrpcOptions(reflection=True)
    with serve(half_plus_two, rest_port=0, grpc_port="auto", grpc=options) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.grpc_address) as opened:
        yield opened


def reflect(channel: grpc.Channel, package: str, **question: str) -> Any:
    asked = protos.message(f"{package}.ServerReflectionRequest")(**question)
    stub = channel.stream_stream(f"/{package}.ServerReflection/ServerReflectionInfo")
    (answer,) = stub(iter([asked.SerializeToString()]), timeout=60)
    return protos.message(f"{package}.ServerReflectionResponse").FromString(answer)


@pytest.mark.parametrize("package", PACKAGES)
def test_services_are_listed(channel: grpc.Channel, package: str) -> None:
    listed = reflect(channel, package, list_services="*").list_services_response.service
    assert [one.name for one in listed] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "lightship.v1.ModelCatalog",
        "tensorflow.serving.ModelService",
        "tensorflow.serving.PredictionService",
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_services_files_are_all_that_a_client_needs(channel: grpc.Channel, package: str) -> None:
    symbol = "tensorflow.serving.PredictionService"
    files = reflect(channel, package, file_containing_symbol=symbol).file_descriptor_response.file_descriptor_proto
    pool = descriptor_pool.DescriptorPool()
    for file in reversed(files):
        pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
    method = pool.FindServiceByName(symbol).methods_by_name["Predict"]
    assert method.input_type.fields_by_name["inputs"].number == 2


def test_thousands_of_questions_at_once_are_refused(server: Server) -> None:
    """They would be answered on the event loop, one after the other, before anything else."""
    with Http2(server.grpc_port) as client:
        stream = client.start(f"/{PACKAGES[0]}.ServerReflection/ServerReflectionInfo")
        client.send(stream, message(b"") * 10_000, end=False)
        answer = client.answer(stream)
    assert (answer.status, answer.text) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED.value[0],
        "too many answers wait to be received: receive them before you ask more",
    )


def test_a_file_is_given_by_its_name(channel: grpc.Channel) -> None:
    name = "tensorflow_serving/apis/model.proto"
    files = reflect(channel, PACKAGES[0], file_by_filename=name).file_descriptor_response.file_descriptor_proto
    assert descriptor_pb2.FileDescriptorProto.FromString(files[0]).name == name


@pytest.mark.parametrize("question", [{"file_containing_symbol": "no.Such"}, {"file_by_filename": "no"}, {}])
def test_what_is_not_there_is_not_found(channel: grpc.Channel, question: dict[str, str]) -> None:
    assert reflect(channel, PACKAGES[0], **question).error_response.error_code == 5


def test_a_request_that_is_none_ends_the_stream(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(METHODS[0])(iter([b"\xff"]), timeout=60))
    assert caught.value.code() is grpc.StatusCode.INTERNAL


def test_it_is_off_unless_asked_for(half_plus_two: Path) -> None:
    server = serve(half_plus_two, rest_port=0, grpc_port="auto")
    with server, grpc.insecure_channel(server.grpc_address) as channel, pytest.raises(grpc.RpcError) as caught:
        list(channel.stream_stream(METHODS[0])(iter([b""]), timeout=60))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
