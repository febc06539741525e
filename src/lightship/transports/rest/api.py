"""One function from a request to its answer: everything REST does, without a socket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from lightship.errors import Code, Internal, LightshipError, ResourceExhausted
from lightship.lifecycle.manager import Manager
from lightship.transports.rest.binary_prediction import answer_binary, is_binary
from lightship.transports.rest.gzip_body import gunzip
from lightship.transports.rest.limits import Limits
from lightship.transports.rest.messages import Request, Response, error_response, html_error
from lightship.transports.rest.metrics import Metrics
from lightship.transports.rest.model_pages import answer_get, model_list
from lightship.transports.rest.prediction import answer_classify, answer_image, answer_predict, answer_regress
from lightship.transports.rest.routes import Route, get_route, is_api, malformed, post_route

logger = logging.getLogger(__name__)

_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_ACTIONS = {"predict": answer_predict, "classify": answer_classify, "regress": answer_regress}


class RestApi:
    """Answers requests; any thread may call, and nothing is raised."""

    def __init__(self, manager: Manager, limits: Limits, metrics: Metrics) -> None:
        self._manager = manager
        self._limits = limits
        self._metrics = metrics

    def answer(self, request: Request) -> Response:
        if request.method not in _METHODS:
            return html_error(501, "Not Implemented")
        if not is_api(request.path):
            return html_error(404, "Not Found")
        start = time.perf_counter()
        response = self._answered(request)
        self._metrics.request(
            response.model, response.code.name, response.api, (time.perf_counter() - start) * 1_000_000
        )
        return response

    def _answered(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return _options(request)
        if request.method == "GET" and request.target == "/v1/models":
            return self._guarded(request, "", lambda: model_list(self._manager))
        try:
            route = _route(request)
        except LightshipError as error:
            return error_response(error)
        return self._guarded(request, route.model, lambda: self._routed(request, route))

    def _guarded(self, request: Request, model: str, work: Callable[[], Response]) -> Response:
        try:
            return work()
        except LightshipError as error:
            return error_response(error, model=model)
        except MemoryError:
            return error_response(ResourceExhausted("there is not enough memory for this request"), model=model)
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            return error_response(Internal("the server failed on this request; its log says more"), model=model)

    def _routed(self, request: Request, route: Route) -> Response:
        if request.method == "GET":
            return answer_get(self._manager, route)
        if "gzip" in request.header(b"content-encoding"):
            limit = self._limits.of(request.content_type)
            request = request.with_body(gunzip(request.body, limit))
        if request.is_image and route.action == "predict":
            return answer_image(self._manager, route, request)
        if route.action == "predict" and is_binary(request):
            return answer_binary(self._manager, route, request)
        return _ACTIONS[route.action](self._manager, route, request)


def _route(request: Request) -> Route:
    if request.method == "GET":
        return get_route(request.target)
    if request.method != "POST":
        raise malformed(request.method, request.target)
    route = post_route(request.path if request.is_image else request.target)
    if request.query and route.action != "predict":
        raise malformed("POST", request.target)
    return route


def _options(request: Request) -> Response:
    """A preflight is granted to any page of the web; TensorFlow Serving asks for no more than a scheme."""
    origin = request.header(b"origin")
    granted = "http://" in origin or "https://" in origin
    code = Code.OK if granted else Code.FAILED_PRECONDITION
    return Response(200 if granted else 400, b"", b"text/html; charset=ISO-8859-1", code=code)
