"""grpc.health.v1: overall under the empty name, TensorFlow Serving's two services, and each model by its name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lightship.errors import NotFound
from lightship.lifecycle.manager import Manager
from lightship.protos import HealthCheckResponse
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.serving import Serving

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = ("ModelService", "PredictionService")


def answer_check(serving: Serving, request: Any, _: Call) -> Any:
    """Raises NotFound for a name that is neither a service nor a model."""
    status = _status(serving, request.service)
    if status == SERVICE_UNKNOWN:
        raise NotFound("service name unknown")
    return HealthCheckResponse(status=status)


def watch(serving: Serving, request: Any, call: Call) -> Iterator[Any]:
    """The health now and after each change, until the call or the server ends."""
    call.on_end(serving.manager.wake)
    last = None
    while not call.over():
        ending, status = serving.draining(), _status(serving, request.service)
        if status != last:
            yield HealthCheckResponse(status=status)
        if ending:
            return
        last = status
        serving.manager.wait(partial(_changed, serving, request.service, status, call), call.remaining)


def _changed(serving: Serving, service: str, status: int, call: Call, _: Manager) -> bool:
    return call.over() or serving.draining() or _status(serving, service) != status


def _status(serving: Serving, service: str) -> int:
    if service in SERVICES or (not service and serving.health == "port"):
        return _serving(not serving.draining())
    if not service:
        return _serving(not serving.draining() and serving.manager.ready())
    if service not in serving.manager.models():
        return SERVICE_UNKNOWN
    return _serving(not serving.draining() and service not in serving.manager.not_ready())


def _serving(healthy: bool) -> int:
    return SERVING if healthy else NOT_SERVING
