"""The two metrics pages: `/metrics`, and the page of TensorFlow Serving's monitoring configuration."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from lightship.errors import Code
from lightship.transports.http.messages import PLAIN, Request, Response
from lightship.transports.metrics.text import Family, metrics_text

Families = Callable[[], list[Family]]


class MetricsPages:
    """Answers requests for the metrics pages.

    `families` are functions that return TensorFlow Serving's metrics, and `own` returns those that only we have.
    """

    def __init__(self, *families: Families, own: Families = list) -> None:
        self._families, self._own = families, own
        self._process = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def own(self) -> Response:
        """Returns the page `/metrics`: TensorFlow Serving's metrics, ours, and those of the process."""
        text = self._text() + metrics_text(self._own()) + generate_latest(self._process)
        return Response(200, text, b"text/plain; version=0.0.4; charset=utf-8")

    def monitoring(self, request: Request) -> Response:
        """Returns the page with only TensorFlow Serving's metrics, or an error if the request has a query."""
        if request.target != request.path:
            reason = f"Unexpected path: {request.target}. Should be {request.path}"
            return Response(400, reason.encode(), PLAIN, code=Code.INVALID_ARGUMENT)
        return Response(200, self._text(), PLAIN)

    def _text(self) -> bytes:
        return metrics_text(family for families in self._families for family in families())
