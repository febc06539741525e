"""Makes grpcio's stubs and servicers from the descriptor of a service."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

Channel = grpc.Channel | grpc.aio.Channel
Server = grpc.Server | grpc.aio.Server


def connect(stub: object, channel: Channel, service: ServiceDescriptor) -> None:
    """Adds to a stub a callable for each method, which sends requests over the channel."""
    for method in service.methods:
        request, response = _classes(method)
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        setattr(stub, method.name, call)


def register(servicer: object, server: Server, service: ServiceDescriptor) -> None:
    """Adds the servicer's methods to a server."""
    handlers = {}
    for method in service.methods:
        request, response = _classes(method)
        handlers[method.name] = grpc.unary_unary_rpc_method_handler(
            getattr(servicer, method.name),
            request_deserializer=request.FromString,
            response_serializer=response.SerializeToString,
        )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def unimplemented(context: grpc.ServicerContext) -> NoReturn:
    """Answers a call whose method the servicer does not override."""
    context.set_code(grpc.StatusCode.UNIMPLEMENTED)
    context.set_details("Method not implemented!")
    raise NotImplementedError("Method not implemented!")


def _classes(method: MethodDescriptor) -> tuple[Any, Any]:
    return GetMessageClass(method.input_type), GetMessageClass(method.output_type)
