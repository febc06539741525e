"""`tensorflow_serving.apis.prediction_service_pb2_grpc`: calls of a model."""

from __future__ import annotations

from typing import Any

import grpc

from lightship.compat.described import service
from lightship.compat.services import Channel, Server, connect, register, unimplemented

_SERVICE = service("tensorflow.serving.PredictionService")


class PredictionServiceStub:
    """The client's side. Each method takes a request and `timeout` in seconds. The channel may be of `grpc.aio`."""

    Classify: Any
    Regress: Any
    Predict: Any
    MultiInference: Any
    GetModelMetadata: Any

    def __init__(self, channel: Channel) -> None:
        connect(self, channel, _SERVICE)


class PredictionServiceServicer:
    """The server's side. Override the methods that it answers."""

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        unimplemented(context)


def add_PredictionServiceServicer_to_server(servicer: PredictionServiceServicer, server: Server) -> None:
    register(servicer, server, _SERVICE)
