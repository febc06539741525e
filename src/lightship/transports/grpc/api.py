"""Answers gRPC requests: from the bytes of a request to the bytes of its response, without a network connection."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError, EncodeError

from lightship.batching import Steps
from lightship.errors import Code, DeadlineExceeded, Internal, LightshipError, ResourceExhausted, Unimplemented
from lightship.services.hints import with_expected_shapes
from lightship.tensors.tensor_proto import declared_size
from lightship.transports.grpc.call import LATE, Answer, Caller, refusal
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.examples import may_hold_images
from lightship.transports.grpc.message_memory import message_memory
from lightship.transports.grpc.methods import CALLS, HEALTH_CALLS, Method
from lightship.transports.grpc.noted_models import model_named, note_request, note_response
from lightship.transports.grpc.predict import PreparedPredict, prepare_predict, read_predict
from lightship.transports.grpc.request_templates import PredictCall, RequestTemplates, Template
from lightship.transports.grpc.together import ReadTogether
from lightship.transports.http.executor import Moved, Overloaded, Pending, run_job
from lightship.transports.http.kinds import IMAGES
from lightship.transports.http.lanes import Origin
from lightship.transports.http.steps_job import StepsJob
from lightship.transports.metrics.metrics import Metrics
from lightship.transports.metrics.own.requests import RequestMetrics, TransportMetrics
from lightship.transports.metrics.own.stages import StageClock, Stages
from lightship.transports.metrics.request_counter import RequestCounter

logger = logging.getLogger(__name__)

_MAX_ELEMENTS = 1 << 16  # of the tensors of a request that is read on the event loop
_NAMES = {code: code.name for code in Code}  # an enum's own attribute is slow


class GrpcApi:
    """Answers requests. Any thread may call its methods; errors become answers.

    `metrics` counts each Predict, Classify and Regress, as TensorFlow Serving does, and `own_metrics` all calls.
    """

    def __init__(self, context: GrpcContext, metrics: Metrics, own_metrics: TransportMetrics | None = None) -> None:
        self.context = context
        self.counter = RequestCounter(metrics, own_metrics or RequestMetrics(context.manager.models).grpc)
        self._requests = RequestTemplates()
        # The methods with a single response, by their full names, such as
        # `/tensorflow.serving.PredictionService/Predict`.
        self.methods: dict[str, Method] = CALLS | HEALTH_CALLS if context.health != "off" else CALLS

    def answer(self, name: str, request: bytes, caller: Caller) -> Answer:
        """Answers a request. `name` is the full name of the method; an unknown name is answered with UNIMPLEMENTED."""
        method = self.methods.get(name)
        if method is None:
            return unknown_method(name)
        return run_job(UnaryJob(self, method, caller, lambda: request))

    def template_of(self, method: Method, request: bytes, caller: Caller) -> Template | None:
        """Returns a template that fits a request. None if there is none, or if the client does not wait any more."""
        if method.act is not None or (caller.deadline is not None and time.monotonic() >= caller.deadline):
            return None
        return self._requests.find(request)

    def read_together(self, method: Method, template: Template, requests: Sequence[bytes]) -> ReadTogether | None:
        """Reads requests that fit a template as one call, on an event loop. Returns None if they cannot be joined."""
        if not template.has_rows:
            return None
        begun, memory = time.perf_counter(), self.context.budget.reservation()
        try:
            prepared = prepare_predict(self.context, template.read_together(requests), memory)
        except Exception:  # each of them gets the error that is its own
            return None
        prediction = prepared.prediction
        if prepared.kind or not prediction.servable.scheduler.joins(prediction.signature.name, len(requests)):
            prepared.release()
            return None
        prediction.calls = len(requests)

        def count(stages: Stages) -> None:
            seconds = time.perf_counter() - begun
            self.counter.succeeded(template.call.model, method.counted_as, method.label, seconds, stages, len(requests))

        return ReadTogether(prepared, template.call.model, begun, count)

    def start(
        self, method: Method, request: bytes, caller: Caller, template: Template | None = None
    ) -> Answer | ReadPredict | UnaryJob:
        """Answers a request, or reads a Predict, on an event loop. `method` must be `prompt`.

        `template`: one that fits the request, if it is known.

        Returns a job for a thread if the request is short but declares large tensors.
        """
        begun, model = time.perf_counter(), ""
        try:
            if caller.deadline is not None and time.monotonic() >= caller.deadline:
                raise DeadlineExceeded(LATE)
            if method.act is not None:
                message = _parsed(method, request, caller)
                note_request(caller.record, message)
                done = Answer(method.act(self.context, message, caller).SerializeToString())
                seconds, named = time.perf_counter() - begun, model_named(message)
                self.counter.succeeded(named, method.counted_as, method.label, seconds, (0.0, seconds, 0.0, 0.0))
                return done
            template = template or self._requests.find(request)
            call = self._read(method, request, caller) if template is None else template.read(request)
            if call is None:
                return UnaryJob(self, method, caller, lambda: request, begun=begun, large=True)
            model = call.model
            prepared = prepare_predict(self.context, call, caller.memory)
            return ReadPredict(self, method, caller, prepared, model, begun)
        except Exception as error:
            answer = self.failed(error, method)
            if caller.record is not None and model:
                caller.record.model = model
        self.count_failure(method, model, answer)
        return answer

    def refuse_overload(self, method: Method, error: Overloaded, origin: Origin) -> Answer:
        """Returns and counts the answer to a call that is refused because there is too much work."""
        return self.refuse(method, error, origin.model)

    def refuse(self, method: Method, error: LightshipError, model: str) -> Answer:
        """Returns and counts the answer to a call that is not run."""
        answer = refusal(error)
        self.count_failure(method, model, answer)
        return answer

    def _read(self, method: Method, request: bytes, caller: Caller) -> PredictCall | None:
        """Reads a Predict request of a kind that was not seen before. Returns None if its tensors are large.

        A short message can declare a large tensor: the last value is repeated to fill it.
        """
        message = _parsed(method, request, caller)
        if sum(map(declared_size, message.inputs.values())) > _MAX_ELEMENTS:
            return None
        call = read_predict(message, caller.memory)
        self._requests.learn(request, message)
        return call

    def failed(self, error: Exception, method: Method) -> Answer:
        """Returns the answer to a call that failed, with a hint if there is one. An unexpected error is logged."""
        explained, hints = _explained(error, method.name), self.context.hints
        if hints is None:
            return refusal(explained)
        return refusal(with_expected_shapes(explained))._replace(hint=hints.hint(explained))

    def count_failure(self, method: Method, model: str, answer: Answer) -> None:
        """Counts an answer that is an error."""
        self.counter.failed(model, method.counted_as, method.label, _NAMES[answer.code])

    def count_given_up(self, method: Method, model: str, *, late: bool) -> None:
        """Counts a call that nobody waits for any more. late: its deadline has passed, else its client has gone."""
        code = Code.DEADLINE_EXCEEDED if late else Code.CANCELLED
        self.counter.failed(model, method.counted_as, method.label, _NAMES[code])


class ReadPredict:
    """A Predict that an event loop has read, and perhaps runs together with others. Nothing is read twice."""

    __slots__ = ("_api", "_begun", "_caller", "_made", "_method", "_prepared", "model", "prediction")

    def __init__(
        self, api: GrpcApi, method: Method, caller: Caller, prepared: PreparedPredict, model: str, begun: float
    ) -> None:
        self._api, self._method, self._caller = api, method, caller
        self._prepared, self.model, self._begun = prepared, model, begun
        self._made = time.perf_counter()
        # What may be run before `finish` is called; None if only a thread may run it.
        self.prediction = None if prepared.kind else prepared.prediction

    @property
    def version(self) -> int:
        """The version that answers."""
        return self._prepared.version

    def finish(self) -> Answer | UnaryJob:
        """Returns the answer, or a job if it was not run."""
        begun, made, writing = self._begun, self._made, time.perf_counter()
        api, method, prepared = self._api, self._method, self._prepared
        run = prepared.prediction.seconds
        try:
            body = prepared.response()
        except Exception as error:
            answer = api.failed(error, method)
            api.count_failure(method, self.model, answer)
            return answer
        if body is None:
            clock = StageClock(made - begun, writing - made)
            return UnaryJob(api, method, self._caller, None, prepared, self.model, begun, clock=clock)
        ended = time.perf_counter()
        stages = writing - made - run, made - begun, run, ended - writing
        api.counter.succeeded(self.model, method.counted_as, method.label, ended - begun, stages)
        return Answer(body)


class UnaryJob:
    """A call that is answered on a thread. It is a job for an executor.

    `read` returns the bytes of the request; or the request was read, and `prepared` owns a handle. The call's memory
    stays counted until the job has ended, even if its client has gone. `large`: its tensors are known to be large.
    `model` is what the request names, if that is known.
    """

    __slots__ = (
        *("_api", "_begun", "_caller", "_clock", "_job", "_message", "_method", "_prepared", "_read"),
        *("large", "model"),
    )

    def __init__(
        self,
        api: GrpcApi,
        method: Method,
        caller: Caller,
        read: Callable[[], bytes] | None,
        prepared: PreparedPredict | None = None,
        model: str = "",
        begun: float | None = None,
        *,
        large: bool = False,
        clock: StageClock | None = None,
    ) -> None:
        """clock: measures its stages; None: nothing was done for it yet."""
        self._api, self._method, self._caller, self._read, self._prepared = api, method, caller, read, prepared
        self._message: Any = None
        self._job: StepsJob[bytes] | None = None
        self.model, self.large = model, large
        self._begun = time.perf_counter() if begun is None else begun
        self._clock = clock or StageClock()
        caller.memory.begin_use()

    @property
    def kind(self) -> str:
        """The kind of work that it is known to be, if it takes encoded images; else ""."""
        return "" if self._prepared is None else self._prepared.kind

    def run(self) -> Answer | Moved[Answer] | Pending[Answer]:
        """Does the work and counts it. Errors become answers. The decoding of images is work of another kind."""
        left, clock = 0, self._clock
        stages: Stages | None = None
        clock.begin()
        try:
            kind = self._prepare() if self._read is not None else ""
            if kind:
                clock.move()
                return Moved(self, kind)
            job = self._job = self._job or StepsJob(self._steps())
            body = job.run()
            if isinstance(body, Pending):
                clock.pause(body.wait)
                return Pending(self, body.wait)
            answer, left, stages = Answer(body), len(body), clock.end()
        except Exception as error:
            answer = self._api.failed(error, self._method)
        self._end(left)
        method = self._method
        if stages is None:
            self._api.count_failure(method, self.model, answer)
        else:
            seconds = time.perf_counter() - self._begun
            self._api.counter.succeeded(self.model, method.counted_as, method.label, seconds, stages)
        return answer

    def release(self) -> None:
        """Gives the job up."""
        if self._job is not None:
            self._job.release()
        if self._prepared is not None:
            self._prepared.release()
        self._end(0)

    def _end(self, left: int) -> None:
        # What they hold must be freed before it is given back.
        self._read = self._prepared = self._message = self._job = None
        self._caller.memory.end_use(left)

    def _prepare(self) -> str:
        """Reads the request. Returns the kind of work that the rest is if images have to be decoded, else ""."""
        caller, method, context = self._caller, self._method, self._api.context
        caller.check()
        read, self._read = self._read, None
        assert read is not None
        message = _parsed(method, read(), caller)
        note_request(caller.record, message)
        if method.label:
            self.model = model_named(message)
        if method.act is method.steps is None:
            self._prepared = prepare_predict(context, read_predict(message, caller.memory), caller.memory)
            if caller.record is not None:
                caller.record.version = self._prepared.version
            return self._prepared.kind
        self._message = message
        return IMAGES if method.runs and may_hold_images(context, message) else ""

    def _steps(self) -> Steps[bytes]:
        if self._prepared is not None:
            return (yield from self._prepared.steps(self._caller))
        method, context, message, self._message = self._method, self._api.context, self._message, None
        if method.steps is not None:
            response = yield from method.steps(context, message, self._caller)
        else:
            assert method.act is not None
            response = method.act(context, message, self._caller)
        note_response(self._caller.record, response)
        body: bytes = response.SerializeToString()
        return body


def unknown_method(name: str) -> Answer:
    return refusal(Unimplemented(f"this server has no method {name}"))


def _parsed(method: Method, request: bytes, caller: Caller) -> Any:
    caller.memory.grow_to(message_memory(request, method.request.DESCRIPTOR))
    try:
        return method.request.FromString(request)
    except DecodeError as error:
        raise Internal(f"the request cannot be parsed: send a {method.request.DESCRIPTOR.full_name}") from error


def _explained(error: Exception, name: str) -> LightshipError:
    if isinstance(error, LightshipError):
        return error
    if isinstance(error, EncodeError):
        return ResourceExhausted("the answer is larger than 2 GiB, the limit of a protobuf message: send fewer rows")
    if isinstance(error, MemoryError):
        return ResourceExhausted("there is not enough memory for this request: send a smaller one, or try again later")
    logger.error("%s failed", name, exc_info=error)
    return Internal("the server failed on this request; see the server's log")
