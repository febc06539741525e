"""The service grpc.health.v1.

The empty name means the whole server. TensorFlow Serving's two services and each model can be checked by name.
"""

from __future__ import annotations

from typing import Any

from lightship.errors import NotFound
from lightship.protos import HealthCheckResponse
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = ("ModelService", "PredictionService")
WATCH = "/grpc.health.v1.Health/Watch"


def answer_check(context: GrpcContext, request: Any, _: Caller) -> Any:
    """Answers a health check. Raises NotFound for a name that is neither a service nor a model."""
    status = health_of(context, request.service)
    if status == SERVICE_UNKNOWN:
        raise NotFound("service name unknown")
    return HealthCheckResponse(status=status)


def health_of(context: GrpcContext, service: str) -> int:
    """Returns the health of a service or model, as a number of `HealthCheckResponse.ServingStatus`."""
    if service in SERVICES or (not service and context.health == "port"):
        return _serving(not context.draining())
    if not service:
        return _serving(not context.draining() and context.manager.ready())
    if service not in context.manager.models():
        return SERVICE_UNKNOWN
    return _serving(not context.draining() and service not in context.manager.not_ready())


def _serving(healthy: bool) -> int:
    return SERVING if healthy else NOT_SERVING
