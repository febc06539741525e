"""One function from a request to its answer: everything REST does, without a socket."""

from __future__ import annotations

import logging
import time

from lightship.errors import Code, Internal, LightshipError, ResourceExhausted
from lightship.lifecycle.manager import Manager
from lightship.services import NotPrompt
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Headers, Request, Response, html_error
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.rest.endpoints.binary_prediction import answer_binary, is_binary
from lightship.transports.rest.endpoints.classification import answer_classify, answer_regress
from lightship.transports.rest.endpoints.models import answer_get, model_list
from lightship.transports.rest.endpoints.prediction import answer_image, answer_predict
from lightship.transports.rest.errors import error_response
from lightship.transports.rest.pages.docs import PATHS, DocPages
from lightship.transports.rest.reading.gzip_body import gunzip
from lightship.transports.rest.routes import Route, get_route, is_api, malformed, post_route

logger = logging.getLogger(__name__)

_OK = Code.OK  # looked up once: an enumeration's members are slow to reach
_PLAIN = frozenset({"", "application/json"})
METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_CORS: Headers = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"POST, GET"),
    (b"Access-Control-Allow-Headers", b"Content-Type"),
)
_ACTIONS = {"predict": answer_predict, "classify": answer_classify, "regress": answer_regress}


class RestApi:
    """Answers requests; any thread may call, and nothing is raised but NotPrompt, where it was asked for."""

    def __init__(self, manager: Manager, limits: Limits, metrics: Metrics, *, cors: bool = False) -> None:
        self._manager = manager
        self._limits = limits
        self._metrics = metrics
        self._cors = cors
        self._pages = DocPages(manager)

    def answer(self, request: Request, prompt: bool = False) -> Response:
        """With `prompt`: raises NotPrompt instead of doing what may take longer than an event loop can wait."""
        if request.method not in METHODS:
            return html_error(501, "Not Implemented")
        if not is_api(request.target):
            if request.path in PATHS and request.method in ("GET", "HEAD"):
                return self._page(request, prompt)
            return html_error(404, "Not Found")
        start = time.perf_counter()
        response = self._answered(request, prompt)
        status = "OK" if response.code is _OK else response.code.name
        self._metrics.request(response.model, status, response.api, (time.perf_counter() - start) * 1_000_000)
        return response._replace(headers=response.headers + _CORS) if self._cors else response

    def _page(self, request: Request, prompt: bool) -> Response:
        if prompt:
            raise NotPrompt
        try:
            return self._pages.answer(request.path)
        except Exception:
            logger.exception("%s %s failed", request.method, request.target)
            return error_response(Internal("the server failed on this page; its log says more"))

    def _answered(self, request: Request, prompt: bool) -> Response:
        if request.method == "OPTIONS":
            return _options(request)
        model = ""
        try:
            if request.method == "GET" and request.target == "/v1/models":
                return model_list(self._manager)
            route = _route(request)
            model = route.model
            return self._routed(request, route, prompt)
        except LightshipError as error:
            return error_response(error, model=model)
        except NotPrompt:
            raise
        except MemoryError:
            return error_response(ResourceExhausted("there is not enough memory for this request"), model=model)
        except Exception:
            logger.exception("%s %s failed", request.method, request.target)
            return error_response(Internal("the server failed on this request; its log says more"), model=model)

    def _routed(self, request: Request, route: Route, prompt: bool) -> Response:
        if route.action == "predict" and _is_plain(request):
            return answer_predict(self._manager, route, request, prompt)
        if prompt:
            raise NotPrompt
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


def _is_plain(request: Request) -> bool:
    """Whether the body is what the reference reads: JSON that is not compressed, whatever its type is called."""
    if request.header(b"content-encoding"):
        return False
    return request.content_type in _PLAIN or not (request.is_image or is_binary(request))


def _route(request: Request) -> Route:
    if request.method == "GET":
        return get_route(request.target)
    if request.method != "POST":
        raise malformed(request.method, request.target)
    if "?" not in request.target or not request.is_image:
        return post_route(request.target)
    route = post_route(request.path)
    if request.query and route.action != "predict":
        raise malformed("POST", request.target)
    return route


def _options(request: Request) -> Response:
    """A preflight is granted to any page of the web; TensorFlow Serving asks for no more than a scheme."""
    origin = request.header(b"origin")
    granted = "http://" in origin or "https://" in origin
    code = Code.OK if granted else Code.FAILED_PRECONDITION
    return Response(200 if granted else 400, b"", b"text/html; charset=ISO-8859-1", code=code)
