"""`tensorflow_serving.apis.model_service_pb2_grpc`: calls about models."""

from __future__ import annotations

from typing import Any

import grpc

from lightship.compat.described import service
from lightship.compat.services import Channel, Server, connect, register, unimplemented

_SERVICE = service("tensorflow.serving.ModelService")


class ModelServiceStub:
    """The client's side. Each method takes a request and `timeout` in seconds. The channel may be of `grpc.aio`."""

    GetModelStatus: Any
    HandleReloadConfigRequest: Any

    def __init__(self, channel: Channel) -> None:
        connect(self, channel, _SERVICE)


class ModelServiceServicer:
    """The server's side. Override the methods that it answers."""

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)


def add_ModelServiceServicer_to_server(servicer: ModelServiceServicer, server: Server) -> None:
    register(servicer, server, _SERVICE)
