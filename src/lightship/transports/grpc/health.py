"""The service grpc.health.v1.

The empty name means the whole server. TensorFlow Serving's two services and each model can be checked by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lightship.errors import NotFound
from lightship.lifecycle.manager import Manager
from lightship.protos import HealthCheckResponse
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.context import GrpcContext

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = ("ModelService", "PredictionService")


def answer_check(context: GrpcContext, request: Any, _: Call) -> Any:
    """Answers a health check. Raises NotFound for a name that is neither a service nor a model."""
    status = _status(context, request.service)
    if status == SERVICE_UNKNOWN:
        raise NotFound("service name unknown")
    return HealthCheckResponse(status=status)


def watch(context: GrpcContext, request: Any, call: Call) -> Iterator[Any]:
    """Yields the health now and after each change, until the call ends or the server shuts down."""
    call.on_end(context.manager.wake)
    last = None
    while not call.over():
        ending, status = context.draining(), _status(context, request.service)
        if status != last:
            yield HealthCheckResponse(status=status)
        if ending:
            return
        last = status
        context.manager.wait(partial(_changed, context, request.service, status, call), call.remaining)


def _changed(context: GrpcContext, service: str, status: int, call: Call, _: Manager) -> bool:
    return call.over() or context.draining() or _status(context, service) != status


def _status(context: GrpcContext, service: str) -> int:
    if service in SERVICES or (not service and context.health == "port"):
        return _serving(not context.draining())
    if not service:
        return _serving(not context.draining() and context.manager.ready())
    if service not in context.manager.models():
        return SERVICE_UNKNOWN
    return _serving(not context.draining() and service not in context.manager.not_ready())


def _serving(healthy: bool) -> int:
    return SERVING if healthy else NOT_SERVING
