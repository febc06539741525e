"""gRPC reflection: tells clients which services exist and describes their messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf import descriptor_pb2

from lightship import protos
from lightship.errors import Code

PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
SERVICES = tuple(f"{package}.ServerReflection" for package in PACKAGES)
METHODS = tuple(f"/{service}/ServerReflectionInfo" for service in SERVICES)
_TYPES = {
    method: tuple(protos.message(f"{package}.ServerReflection{kind}") for kind in ("Request", "Response"))
    for method, package in zip(METHODS, PACKAGES, strict=True)
}


def answer_reflection(method: str, services: Sequence[str], requests: Iterable[bytes]) -> Iterator[bytes]:
    """Yields an answer to each request of a stream.

    `method` is one of `METHODS`. `services` holds the full names of the other services. Raises DecodeError for a
    request that cannot be parsed.
    """
    asked, answer = _TYPES[method]
    for request in requests:
        question = asked.FromString(request)
        response = answer(valid_host=question.host, original_request=question)
        _fill(response, question, services)
        yield response.SerializeToString()


def _fill(response: Any, question: Any, services: Sequence[str]) -> None:
    kind = question.WhichOneof("message_request")
    if kind == "list_services":
        for name in sorted({*services, *SERVICES}):
            response.list_services_response.service.add(name=name)
        return
    try:
        if kind == "file_by_filename":
            file = protos.POOL.FindFileByName(question.file_by_filename)
        elif kind == "file_containing_symbol":
            file = protos.POOL.FindFileContainingSymbol(question.file_containing_symbol)
        else:  # Lightship's messages have no extensions
            raise KeyError(kind)
    except KeyError:
        response.error_response.error_code = int(Code.NOT_FOUND)
        response.error_response.error_message = "this server has no such file, symbol or extension"
        return
    response.file_descriptor_response.file_descriptor_proto.extend(reversed(_with_needed(file, {}).values()))


def _with_needed(file: Any, files: dict[str, bytes]) -> dict[str, bytes]:
    """Returns the serialized descriptors of a file and of all its dependencies, dependencies first."""
    for needed in file.dependencies:
        if needed.name not in files:
            _with_needed(needed, files)
    described = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(described)
    files[file.name] = described.SerializeToString()
    return files
