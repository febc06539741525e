"""The two metrics pages: `/metrics`, and the page of TensorFlow Serving's monitoring configuration."""

from __future__ import annotations

from lightship.errors import Code
from lightship.transports.http.messages import PLAIN, Request, Response
from lightship.transports.metrics.reading import Families, ReadMetrics
from lightship.transports.metrics.text import metrics_text


class MetricsPages:
    """Answers requests for the metrics pages.

    `read` returns what was counted. `present` returns what our own metrics tell of the models now, which all processes
    of a server know alike.
    """

    def __init__(self, read: ReadMetrics, present: Families = list) -> None:
        self._read, self._present = read, present

    def own(self) -> Response:
        """Returns the page `/metrics`: TensorFlow Serving's metrics, ours, and those of the process."""
        families, own, process = self._read()
        return Response(
            200, metrics_text(families + own + self._present()) + process, b"text/plain; version=0.0.4; charset=utf-8"
        )

    def monitoring(self, request: Request) -> Response:
        """Returns the page with only TensorFlow Serving's metrics, or an error if the request has a query."""
        if request.target != request.path:
            reason = f"Unexpected path: {request.target}. Should be {request.path}"
            return Response(400, reason.encode(), PLAIN, code=Code.INVALID_ARGUMENT)
        return Response(200, metrics_text(self._read().families), PLAIN)
