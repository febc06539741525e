"""Health checks for orchestrators: whether the process is alive, and whether it may receive traffic."""

from __future__ import annotations

import orjson

from lightship.lifecycle.served_models import ServedModels
from lightship.transports.http.messages import Response


def live() -> Response:
    """Returns 200 while the server answers requests."""
    return Response(200, b'{"status": "alive"}')


def ready(manager: ServedModels, draining: bool) -> Response:
    """Returns 200 if every configured model has an AVAILABLE version and the server is not shutting down; else 503."""
    if draining:
        return Response(503, orjson.dumps({"status": "not ready", "reason": "the server is shutting down"}))
    not_ready = manager.not_ready()
    if not_ready:
        return Response(503, orjson.dumps({"status": "not ready", "models": not_ready}))
    return Response(200, b'{"status": "ready"}')
