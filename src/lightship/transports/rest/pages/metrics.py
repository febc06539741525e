"""The two pages of metrics: our own, and the one that TensorFlow Serving's monitoring configuration asks for."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from lightship.errors import Code
from lightship.transports.http.messages import PLAIN, Request, Response
from lightship.transports.metrics.text import Family, metrics_text

Families = Callable[[], list[Family]]


class MetricsPages:
    """families: where the figures come from."""

    def __init__(self, *families: Families) -> None:
        self._families = families
        self._process = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def own(self) -> Response:
        """`/metrics`: TensorFlow Serving's metrics and the process's."""
        text = self._text() + generate_latest(self._process)
        return Response(200, text, b"text/plain; version=0.0.4; charset=utf-8")

    def monitoring(self, request: Request) -> Response:
        """TensorFlow Serving's metrics alone; an error for a path with a query."""
        if request.target != request.path:
            reason = f"Unexpected path: {request.target}. Should be {request.path}"
            return Response(400, reason.encode(), PLAIN, code=Code.INVALID_ARGUMENT)
        return Response(200, self._text(), PLAIN)

    def _text(self) -> bytes:
        return metrics_text(family for families in self._families for family in families())
