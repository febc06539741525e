"""What an orchestrator asks: is the process alive, and may it get traffic?"""

from __future__ import annotations

import orjson

from lightship.lifecycle.manager import Manager
from lightship.transports.http.messages import Response


def live() -> Response:
    """200 as long as anything is answered at all."""
    return Response(200, b'{"status": "alive"}')


def ready(manager: Manager, draining: bool) -> Response:
    """200 only if every configured model has an AVAILABLE version and the server is not shutting down; else 503."""
    if draining:
        return Response(503, orjson.dumps({"status": "not ready", "reason": "the server is shutting down"}))
    not_ready = manager.not_ready()
    if not_ready:
        return Response(503, orjson.dumps({"status": "not ready", "models": not_ready}))
    return Response(200, b'{"status": "ready"}')
