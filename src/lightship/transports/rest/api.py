"""Answers REST requests: from a request to its response, without a network connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from lightship.batching import Steps
from lightship.errors import Code, Internal, InvalidArgument, LightshipError, ResourceExhausted
from lightship.lifecycle.served_models import ServedModels
from lightship.services.hints import Hints
from lightship.services.predict import Prediction
from lightship.services.quiz import Quiz
from lightship.transports.http.executor import Pending, run_job
from lightship.transports.http.kinds import EXPLANATIONS, IMAGES
from lightship.transports.http.limits import Limits
from lightship.transports.http.messages import Headers, Request, Response, html_error
from lightship.transports.http.steps_job import StepsJob
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics
from lightship.transports.metrics.own.stages import StageClock, Stages
from lightship.transports.metrics.request_counter import RequestCounter
from lightship.transports.rest.endpoints.binary_prediction import answer_binary, is_array, is_binary, prepare_binary
from lightship.transports.rest.endpoints.classification import (
    answer_classify,
    answer_regress,
    classifies_images,
)
from lightship.transports.rest.endpoints.explanation import (
    answer_explain,
    answer_explained_binary,
    answer_explained_image,
)
from lightship.transports.rest.endpoints.joint_prediction import JointPrediction, read_joint
from lightship.transports.rest.endpoints.models import answer_get, model_list
from lightship.transports.rest.endpoints.prediction import answer_image, answer_predict, prepare_predict
from lightship.transports.rest.errors import error_response, hint_header, worded
from lightship.transports.rest.forms import file_of_form, holds_form
from lightship.transports.rest.pages.docs import PATHS, DocPages
from lightship.transports.rest.pages.ui import UiPages, is_ui
from lightship.transports.rest.photos import recognised
from lightship.transports.rest.prepared import PreparedCall, Unread
from lightship.transports.rest.reading.gzip_body import gunzip
from lightship.transports.rest.routes import Route, action_of, explains, get_route, is_api, malformed, post_route

logger = logging.getLogger(__name__)

_OK = Code.OK  # looked up once, because members of an enumeration are slow to look up
_PLAIN = frozenset({"", "application/json"})
METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_CORS: Headers = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"POST, GET"),
    (b"Access-Control-Allow-Headers", b"Content-Type"),
)
_ENDPOINTS = {
    "predict": answer_predict,
    "classify": answer_classify,
    "regress": answer_regress,
    "explain": answer_explain,
}
_OF_IMAGES = frozenset({"predict", "explain"})  # the actions that take images, and binary tensors


class RestApi:
    """Answers requests. Any thread may call its methods; errors become responses.

    `answer` reads and runs a request. `prepare` only reads it, so that it can run later, possibly on another thread.

    `extensions`: also take images by their first bytes and in forms, which TensorFlow Serving takes for invalid JSON,
    and answer `:explain`.
    """

    def __init__(
        self,
        manager: ServedModels,
        limits: Limits,
        metrics: Metrics,
        *,
        cors: bool = False,
        extensions: bool = True,
        hints: Hints | None = None,
        quiz: Quiz | None = None,
        request_metrics: RequestMetrics | None = None,
    ) -> None:
        """hints: makes the hints that are sent with errors; None: none are sent. quiz: the games of the page /ui.

        `metrics` counts the requests as TensorFlow Serving does, and `request_metrics` as we do.
        """
        self._manager = manager
        self._limits = limits
        self._counter = RequestCounter(metrics, (request_metrics or RequestMetrics(manager.models)).rest)
        self._cors = cors
        self._extensions = extensions
        self._hints = hints
        self._pages = DocPages(manager, extensions=extensions)
        self._ui = UiPages(limits, quiz) if extensions else None

    def answer(self, request: Request) -> Response:
        prepared = self.prepare(request)
        return prepared if isinstance(prepared, Response) else run_job(prepared)

    def recognised(self, request: Request) -> Request:
        """Returns the request, as one with an image if its body begins like one and extensions are on.

        `prepare` and `answer` take what it returns.
        """
        return recognised(request) if self._extensions else request

    def prepare(self, request: Request, waited: float = 0.0) -> Response | PreparedCall:
        """Reads a `:predict` of JSON or of one binary tensor completely. Of any other request, only the URL is read.

        Reading the other bodies may take longer, so they are read when the call runs.

        `waited`: the seconds that the request has waited for a thread.

        Returns the response if it is already known: an error, the answer to a preflight request, or the list of models.
        """
        if request.method not in METHODS:
            return html_error(501, "Not Implemented")
        if is_api(request.target):
            return self._prepare_counted(request, waited)
        if request.path in PATHS and request.method in ("GET", "HEAD"):
            return Unread(StepsJob(self._page(request)))
        if is_ui(request.path) and self._ui is not None:
            return Unread(StepsJob(self._page(request)))
        return html_error(404, "Not Found")

    def read_together(self, requests: Sequence[Request]) -> ReadTogether | None:
        """Reads POST requests with the same URL as one call. Returns None if each is to be read by itself.

        The memory of the first one counts what is needed for all.
        """
        start, first = time.perf_counter(), requests[0]
        if not is_api(first.target) or not self._are_plain(requests):
            return None
        try:
            route = post_route(first.target)
            bodies = [request.body for request in requests]
            joint = read_joint(self._manager, route, bodies, first.memory) if route.action == "predict" else None
        except Exception:  # each of them gets the error that is its own
            return None
        return None if joint is None else ReadTogether(self, joint, start)

    def _prepare_counted(self, request: Request, waited: float) -> Response | PreparedCall:
        start = time.perf_counter()
        model = method = ""
        try:
            route = self._routed(request)
            if isinstance(route, Response):
                seconds = time.perf_counter() - start
                method = "models" if request.method == "GET" else "preflight"
                return self.counted(route, seconds, method, (waited, seconds, 0.0, 0.0))
            model, method = route.model, route.action or "status"
            call = self._prepared(request, route)
        except Exception as error:
            return self.counted(self.failed(error, request, model), time.perf_counter() - start, method, None)
        return _CountedCall(self, call, request, model, method, start, waited)

    def _prepared(self, request: Request, route: Route) -> PreparedCall:
        if route.action == "predict" and self._is_plain(request):
            return prepare_predict(self._manager, route, request)
        if route.action == "predict" and self._is_plain_array(request):
            return prepare_binary(self._manager, route, request)
        return Unread(StepsJob(self._read_and_run(request, route)), kind=self._kind(request, route))

    def _kind(self, request: Request, route: Route) -> str:
        if route.action == "explain":
            return EXPLANATIONS
        images = self._holds_image(request) or (route.action == "classify" and classifies_images(self._manager, route))
        return IMAGES if images else ""

    def _read_and_run(self, request: Request, route: Route) -> Steps[Response]:
        if request.method == "GET":
            return answer_get(self._manager, route)
        if "gzip" in request.header(b"content-encoding"):
            limit = self._limits.of(request.content_type)
            request = self.recognised(request.with_body(gunzip(request.body, limit, request.memory)))
        if route.action in _OF_IMAGES and self._holds_image(request):
            answer = answer_image if route.action == "predict" else answer_explained_image
            return (yield from answer(self._manager, route, self._image(request)))
        if route.action in _OF_IMAGES and is_binary(request):
            answer = answer_binary if route.action == "predict" else answer_explained_binary
            return (yield from answer(self._manager, route, request))
        return (yield from _ENDPOINTS[route.action](self._manager, route, request))

    def _holds_image(self, request: Request) -> bool:
        return request.is_image or (self._extensions and holds_form(request))

    def _image(self, request: Request) -> Request:
        """Returns a request whose body is the image that was sent, as the body or in a form. Checks its size."""
        if not request.is_image:
            request = request.with_body(file_of_form(request))
        self._limits.check_image(len(request.body))
        return request

    def _is_plain(self, request: Request) -> bool:
        """Returns whether the body is uncompressed JSON. TensorFlow Serving takes any content type for JSON."""
        if request.header(b"content-encoding"):
            return False
        return request.content_type in _PLAIN or not (self._holds_image(request) or is_binary(request))

    def _are_plain(self, requests: Sequence[Request]) -> bool:
        """Returns whether all bodies, which begin like JSON objects, are uncompressed JSON."""
        seen: Sequence[tuple[bytes, bytes]] | None = None
        for request in requests:
            if request.headers is not seen:  # requests with a known head share one list of headers
                seen = request.headers
                if not self._is_plain(request):
                    return False
        return True

    def _is_plain_array(self, request: Request) -> bool:
        return not request.header(b"content-encoding") and not self._holds_image(request) and is_array(request)

    def _routed(self, request: Request) -> Route | Response:
        """Returns the route of an API request, or the response if the request needs no route."""
        if request.method == "OPTIONS":
            return _options(request)
        if request.method == "GET":
            return model_list(self._manager) if request.target == "/v1/models" else get_route(request.target)
        if request.method != "POST":
            raise malformed(request.method, request.target)
        if "?" not in request.target or not (explains(request.path) or self._holds_image(request)):
            route = post_route(request.target)
        else:
            route = _route_before_query(request)
            if request.query and route.action not in _OF_IMAGES:
                raise malformed("POST", request.target)
        if route.action == "explain" and not self._extensions:
            raise malformed("POST", request.target)
        return route

    def _page(self, request: Request) -> Steps[Response]:
        yield from ()
        try:
            ui = self._ui if is_ui(request.path) else None
            return self._pages.answer(request.path) if ui is None else ui.answer(request)
        except Exception as error:
            return self.failed(error, request, "")

    def failed(self, error: Exception, request: Request, model: str) -> Response:
        """Returns the response to an error. An unexpected error is logged."""
        if isinstance(error, LightshipError):
            return error_response(worded(self._hints, error), model=model, headers=hint_header(self._hints, error))
        if isinstance(error, MemoryError):
            return error_response(
                ResourceExhausted(
                    "there is not enough memory for this request: send a smaller one, or try again later"
                ),
                model=model,
            )
        logger.error("%s %s failed", request.method, request.target, exc_info=error)
        return error_response(Internal("the server failed on this request; see the server's log"), model=model)

    def counted(self, response: Response, seconds: float, method: str, stages: Stages | None) -> Response:
        """Counts an API response and returns it.

        `seconds` is the time for reading and running the request. `method`: what was asked, such as predict, or "" if
        that is not known. `stages` may be None if the response is an error.
        """
        if response.code is _OK and stages is not None:
            self._counter.succeeded(response.model, response.api, method, seconds, stages)
        else:
            self._counter.failed(response.model, response.api, method, response.code.name)
        return self.with_cors(response)

    def counted_together(self, responses: list[Response], seconds: float, stages: Stages) -> list[Response]:
        """Counts responses of one `:predict` that took the same time, and returns them."""
        first = responses[0]
        self._counter.succeeded(first.model, first.api, first.api, seconds, stages, len(responses))
        return list(map(self.with_cors, responses)) if self._cors else responses

    def count_refusal(self, model: str, error: LightshipError) -> None:
        """Counts a request that is refused before it is read. model: one that is served, or ""."""
        self._counter.failed(model, "", "", error.code.name)

    def count_given_up(self, target: str, model: str, code: Code) -> None:
        """Counts a request that nobody waits for any more. model: one that is served, or ""."""
        action = action_of(target)
        self._counter.failed(model, action, action, code.name)

    def with_cors(self, response: Response) -> Response:
        """Returns the response with the headers of CORS, if they are sent."""
        return response._replace(headers=response.headers + _CORS) if self._cors else response


class ReadTogether:
    """Requests that were read as one, and perhaps are run in this turn of the event loop.

    `prediction` is to be run before `finish` is called.
    """

    __slots__ = ("_api", "_joint", "_made", "_start", "prediction")

    def __init__(self, api: RestApi, joint: JointPrediction, start: float) -> None:
        """start: when reading them began."""
        self._api, self._joint, self._start = api, joint, start
        self._made = time.perf_counter()
        self.prediction = joint.prediction

    def finish(self) -> list[Response] | None:
        """Returns the response to each request. None: they were not run as one, and each is to be read by itself."""
        begun = time.perf_counter()
        try:
            responses = self._joint.responses()
        except Exception:  # each of them gets the error that is its own
            logger.debug("the responses to joined requests could not be written", exc_info=True)
            return None
        if not responses:
            return None
        now, start, made, run = time.perf_counter(), self._start, self._made, self.prediction.seconds
        stages = begun - made - run, made - start, run, now - begun
        return self._api.counted_together(responses, now - start, stages)


class _CountedCall:
    """A prepared call that is counted when it ends and whose errors become responses."""

    __slots__ = ("_api", "_begun", "_call", "_clock", "_decode", "_made", "_method", "_model", "_request", "_waited")

    def __init__(
        self,
        api: RestApi,
        call: PreparedCall,
        request: Request,
        model: str,
        method: str,
        start: float,
        waited: float,
    ) -> None:
        """start: when reading the request began. waited: the seconds that it had waited for a thread before."""
        self._api, self._call, self._request, self._model, self._method = api, call, request, model, method
        self._made = made = time.perf_counter()
        self._decode, self._waited = made - start, waited
        self._begun = 0.0  # when a thread began with it
        self._clock: StageClock | None = None  # if a thread runs it

    @property
    def kind(self) -> str:
        return self._call.kind

    @property
    def prediction(self) -> Prediction | None:
        return self._call.prediction

    def response(self) -> Response | None:
        begun = time.perf_counter()
        try:
            response = self._call.response()
        except Exception as error:
            response = self._api.failed(error, self._request, self._model)
        if response is None:
            return None
        now, made, decode, prediction = time.perf_counter(), self._made, self._decode, self._call.prediction
        run = 0.0 if prediction is None else prediction.seconds
        stages = begun - made - run, decode, run, now - begun
        return self._api.counted(response, decode + now - made, self._method, stages)

    def run(self) -> Response | Pending[Response]:
        clock = self._clock
        if clock is None:
            begun = time.perf_counter()
            clock = self._clock = StageClock(self._decode, self._waited + begun - self._made)
            self._begun = begun - self._decode
        clock.begin()
        result: Response | Pending[Response]
        try:
            result = self._call.run()
        except Exception as error:
            result = self._api.failed(error, self._request, self._model)
        if isinstance(result, Pending):
            clock.pause(result.wait)
            return Pending(self, result.wait)
        return self._api.counted(result, time.perf_counter() - self._begun, self._method, clock.end())

    def release(self) -> None:
        self._call.release()


def _route_before_query(request: Request) -> Route:
    try:
        return post_route(request.path)
    except InvalidArgument as error:
        if error.message == malformed("POST", request.path).message:
            raise malformed("POST", request.target) from None
        raise


def _options(request: Request) -> Response:
    """Answers a preflight request. Like TensorFlow Serving, it grants every origin with an HTTP scheme."""
    origin = request.header(b"origin")
    granted = "http://" in origin or "https://" in origin
    code = Code.OK if granted else Code.FAILED_PRECONDITION
    return Response(200 if granted else 400, b"", b"text/html; charset=ISO-8859-1", code=code)
