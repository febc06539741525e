"""The gRPC application of HTTP/2 connections: which handler takes a stream, and where a call is answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic, perf_counter
from typing import cast

from lightship.errors import LightshipError, ResourceExhausted
from lightship.threads import start_thread
from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.record import JoinedRecord
from lightship.transports.grpc.api import GrpcApi, UnaryJob, unknown_method
from lightship.transports.grpc.call import Answer, refusal
from lightship.transports.grpc.call_log import CallLog, id_header
from lightship.transports.grpc.channel_arguments import ChannelSettings
from lightship.transports.grpc.compression import Compression, not_compressed
from lightship.transports.grpc.deadlines import Deadlines
from lightship.transports.grpc.health import WATCH
from lightship.transports.grpc.logged_call import MADE_ID, OK, JoinedAnswers, LoggedUnaryCall
from lightship.transports.grpc.message_model import model_of
from lightship.transports.grpc.message_reader import PREFIX_BYTES
from lightship.transports.grpc.reflection import METHODS as REFLECTION
from lightship.transports.grpc.request_head import GrpcHead
from lightship.transports.grpc.request_templates import Template
from lightship.transports.grpc.responses import refuse, refuse_http
from lightship.transports.grpc.streams import Reflection, Watch
from lightship.transports.grpc.together import ReadTogether
from lightship.transports.grpc.unary import MAX_JOINED_BYTES, UnaryCall
from lightship.transports.http.answer_queue import MAX_WAIT
from lightship.transports.http.executor import Executor, Overloaded
from lightship.transports.http.kinds import LARGE, MAX_SMALL_BYTES, SMALL
from lightship.transports.http.lanes import Origin
from lightship.transports.http.timed_job import timed
from lightship.transports.http2.application import NO_HANDLER, Handler
from lightship.transports.http2.connection import Http2Connection
from lightship.transports.http2.frames import ErrorCode
from lightship.transports.http2.headers import RequestHead
from lightship.transports.http2.output import Output
from lightship.transports.http2.stream import Stream
from lightship.transports.turn import FEWEST_ALIKE, MAX_TOGETHER, Turn

MAX_INLINE_BYTES = 16 << 10  # a larger message is read on a thread, a smaller one on the event loop
MAX_WAITING = 64  # calls of each kind that wait for models to change
_WEIGHT = 0.05  # of the newest group in the mean time of an answer


class GrpcApplication:
    """Answers gRPC calls. Must be used on the event loop only.

    Short calls that have arrived together are answered together on the event loop, in its turns. Other calls go to
    `executor`. `unfinished` is the number of calls that were received and not answered, and `waiting` the number of
    threads that wait for models to change.
    """

    def __init__(
        self,
        api: GrpcApi,
        settings: ChannelSettings,
        executor: Executor,
        *,
        reflection: bool = False,
        turn: Turn | None = None,
        access_log: AccessLog | None = None,
    ) -> None:
        """`reflection`: describes the services. `turn` is that of the event loop.

        `access_log`: takes note of each call.
        """
        self.api, self.settings, self.executor, self.budget = api, settings, executor, api.context.budget
        self._reflection = reflection
        self.access_log, self.call_log = access_log, CallLog(access_log)
        self._unary_call = UnaryCall if access_log is None else LoggedUnaryCall
        self.turn = turn or Turn()
        self.deadlines = Deadlines()
        # The most bytes of a message, its prefix included, that may be read on the event loop.
        self.max_inline = min(MAX_INLINE_BYTES, settings.max_receive + PREFIX_BYTES)
        # Up to this many bytes, an answer is sent as it is and in one piece.
        self.max_plain = -1 if settings.compression else min(MAX_JOINED_BYTES, settings.max_send or MAX_JOINED_BYTES)
        self._joined_answers = None if access_log is None else JoinedAnswers(access_log, self.max_plain)
        self.unfinished = self.waiting = 0
        self.queued = 0  # short calls that wait for their turn
        self.watches: set[Watch] = set()
        self._services = self._names_of_services()
        self._loop = asyncio.get_running_loop()
        self._complete: deque[UnaryCall] = deque()  # calls whose request has come and that are not answered yet
        self._timed: list[UnaryCall] = []  # calls with a deadline that have begun in this turn of the event loop
        self._seconds = 0.0  # the mean time to answer a short call
        self._group: list[UnaryCall] = []  # those that are answered in this turn
        # Of these, those that were read as one, and the seconds that this took.
        self._together: list[tuple[ReadTogether, list[UnaryCall], float]] = []
        self._begun = 0.0
        self._turn_due = self._wake_due = False
        self._unsubscribe = api.context.manager.subscribe(self._on_change)

    def open(self, stream: Stream, ended: bool) -> Handler:
        """Returns the handler of a new stream. It may have been answered already."""
        head = stream.head.plan
        if head is None:
            head = stream.head.plan = GrpcHead(stream.head, self.settings.max_metadata)
            stream.head.headers = []  # the memory budget does not count them, and streams may stay open for long
        method = self.api.methods.get(head.method)
        if method is not None and head.refusal is None and not head.status:
            call = self._unary_call(self, stream, method, head)
            if head.timeout is not None:
                self._timed.append(call)
                self._need_turn()
            if ended:
                call.on_data(b"", True)
            return call
        return self._open_other(stream, head, ended)

    def complete(self, call: UnaryCall, size: int) -> None:
        """Answers a short call together with those that have arrived in the same turn of the event loop.

        Raises Overloaded if it would wait too long for the event loop, and NoRoom if its message of `size` bytes does
        not fit into the memory budget until then.
        """
        if self.queued >= MAX_TOGETHER:
            remaining = call.remaining
            most = MAX_WAIT if remaining is None else min(MAX_WAIT, remaining)
            if call.method.runs and self.queued * self._seconds > most:
                raise Overloaded(1)
            call.memory.keep(size)
        if self.access_log is not None:  # its connection may hear more before the turn begins
            call.received_at = call.stream.connection.lifetime.heard_at
        self._complete.append(call)
        call.queued = True
        self.queued += 1
        self._need_turn()

    def submit(
        self, call: UnaryCall, job: UnaryJob, size: int, start: bytes, *, compressed: bool
    ) -> asyncio.Future[Answer] | Answer:
        """Lets a thread do the job. Returns the answer if it was refused.

        `size` is that of the message, and `start` its first bytes, if they are known.
        """
        if not call.method.waits:
            large = compressed or job.large or size > MAX_SMALL_BYTES
            kind = job.kind or (LARGE if large else SMALL)
            origin = self._origin(call, kind, start)
            refuse_overload = partial(self.api.refuse_overload, call.method)
            given_up = partial(self._count_given_up, call, job)
            return self.executor.submit(timed(job, call.record), origin, refuse_overload, call.deadline, given_up)
        try:
            return self._wait_on_thread(job)
        except LightshipError as error:
            job.release()
            return refusal(error)

    def compress(self, call: UnaryCall, job: Compression) -> asyncio.Future[bytes | None] | None:
        """Lets a thread compress an answer. Returns None if there is too much work."""
        origin = Origin(LARGE, "", call.stream.connection.client)
        result = self.executor.submit(job, origin, not_compressed)
        return result if isinstance(result, asyncio.Future) else None

    def refused(self, call: UnaryCall, size: int, start: bytes) -> Answer | None:
        """Returns the answer to a call that would wait too long for a thread, before its message is read; or None."""
        if not call.method.runs:
            return None
        origin = self._origin(call, LARGE if size > MAX_SMALL_BYTES else SMALL, start)
        return self.executor.refused(origin, partial(self.api.refuse_overload, call.method), call.deadline)

    def count_unread(self, call: UnaryCall) -> None:
        """Counts a short call that ends before its turn on the event loop."""
        self.api.count_given_up(call.method, self._origin(call, SMALL, call.request).model, late=call.late)

    def _count_given_up(self, call: UnaryCall, job: UnaryJob, _: asyncio.Future[Answer], origin: Origin) -> None:
        """Counts a call that was not run to its end, because its client has gone or its deadline has passed."""
        self.api.count_given_up(call.method, origin.model or job.model, late=call.late)

    def _origin(self, call: UnaryCall, kind: str, start: bytes) -> Origin:
        model = model_of(start) if call.method.runs else ""
        known = model if self.api.context.manager.serves(model) else ""
        if call.record is not None:
            call.record.model = known
        return Origin(kind, known, call.stream.connection.client)

    def close(self) -> None:
        """Stops to watch the models."""
        self._unsubscribe()

    def wake_watches(self) -> None:
        """Tells the watchers of health what has changed."""
        self._wake_due = False
        for watch in list(self.watches):
            watch.tell()

    def _open_other(self, stream: Stream, head: GrpcHead, ended: bool) -> Handler:
        """Answers a stream that is not a call with one response, or refuses it."""
        handler = NO_HANDLER
        if head.status:
            self._refuse(stream, head, None)
        elif head.refusal is not None:
            self._refuse(stream, head, head.refusal)
        elif head.method == WATCH and self.api.context.health != "off":
            handler = Watch(self, stream, head)
        elif head.method in REFLECTION and self._reflection:
            handler = Reflection(self, stream, head, self._services)
        else:
            self._refuse(stream, head, unknown_method(head.method))
        if ended:
            handler.on_data(b"", True)
        return handler

    def _refuse(self, stream: Stream, head: GrpcHead, answer: Answer | None) -> None:
        """Ends a stream with a status, or with an HTTP status if there is no answer."""
        record = self.call_log.record(stream, head)
        if answer is None:
            refuse_http(stream, head.status, id_header(record))
        else:
            refuse(stream, answer, further=id_header(record))
        self.call_log.add(record, head.status if answer is None else answer.code)

    def on_refused(self, connection: Http2Connection, head: RequestHead, code: ErrorCode) -> None:
        self.call_log.add_refused(connection, head, code)

    def _need_turn(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self.turn.join(self, self._loop)

    def unread(self) -> int:
        return self.queued

    def read(self) -> None:
        """Reads the calls that have arrived together."""
        self._turn_due = False
        waiting = self._complete
        group: list[UnaryCall] = []
        while waiting and len(group) < MAX_TOGETHER:
            call = waiting.popleft()
            if not call.finished:  # calls that were cancelled take no turn from others
                call.queued = False
                self.queued -= 1
                group.append(call)
        if waiting:
            self._need_turn()
        self._group, self._begun = group, perf_counter()
        if len(group) < FEWEST_ALIKE or self.executor.waiting:
            for call in group:
                call.answer()
        else:
            self._read_group(group)

    def _read_group(self, group: Sequence[UnaryCall]) -> None:
        """Reads calls that differ in their numbers only as one, and the others by themselves."""
        alike: dict[Template | None, list[tuple[UnaryCall, bytes]]] = {}
        for call in group:
            request = call.request
            template = self.api.template_of(call.method, request, call)
            alike.setdefault(template, []).append((call, request))
        for template, found in alike.items():
            if template is None or len(found) < FEWEST_ALIKE or not self._read_together(template, found):
                for call, _ in found:
                    call.answer(template)

    def _read_together(self, template: Template, found: Sequence[tuple[UnaryCall, bytes]]) -> bool:
        """Reads calls as one, and returns whether that was possible.

        The access log tells of each that all of this was its decoding.
        """
        begun = monotonic()
        together = self.api.read_together(found[0][0].method, template, [request for _, request in found])
        seconds, calls = monotonic() - begun, [call for call, _ in found]
        if together is None:
            self._note_reading(calls, seconds)
            return False
        self.turn.add(together.prediction)
        self._together.append((together, calls, seconds))
        return True

    def _note_reading(self, calls: Sequence[UnaryCall], seconds: float) -> None:
        """Tells the access log what the attempt to read or run calls as one has taken."""
        for call in calls:
            if call.record is not None:
                call.record.decode += seconds

    def _finish_together(self, group: list[UnaryCall], outputs: dict[Output, None]) -> list[UnaryCall]:
        """Gives calls that were run as one their answers. If they were not, each is run by itself.

        Returns the calls of the group that are still to be delivered. Adds to `outputs` those that the answers of the
        others were written to.
        """
        finished, self._together = self._together, []
        left: list[UnaryCall] = []
        for together, calls, decode in finished:
            begun = monotonic()
            answers = together.finish()
            if answers is None:
                left += calls
                self._note_reading(calls, decode)
            elif self._joined_answers is None:
                for call, answer in zip(calls, answers, strict=True):
                    call.take_answer(answer)
            else:
                what = ("gRPC", calls[0].method.name, OK, together.model, together.version)
                joined = JoinedRecord(*what, decode, self.turn.seconds, begun, MADE_ID)
                self._joined_answers.send(joined, cast("Sequence[LoggedUnaryCall]", calls), answers, outputs)
        for call in left:
            call.answer()
        if left:
            self.turn.run_further()
        return [call for call in group if not call.finished] if outputs else group

    def write(self) -> None:
        """Writes the answers of a turn."""
        group, self._group = self._group, []
        outputs: dict[Output, None] = {}
        for call in self._finish_together(group, outputs) if self._together else group:
            if call.deliver():
                outputs[call.stream.output] = None
        for output in outputs:
            output.flush()
        if group:
            self._seconds += _WEIGHT * ((perf_counter() - self._begun) / len(group) - self._seconds)
        if self._timed:
            timed, self._timed = self._timed, []
            for call in timed:
                if not call.finished:
                    self.deadlines.add(call)

    def _wait_on_thread(self, job: UnaryJob) -> asyncio.Future[Answer]:
        """Runs a job that waits for models on a thread of its own."""
        if self.waiting >= MAX_WAITING:
            raise too_many_wait()
        future: asyncio.Future[Answer] = self._loop.create_future()

        def work() -> None:
            answer = job.run()
            assert isinstance(answer, Answer)
            self._call_soon(partial(self._end_wait, future, answer))

        if not start_thread(work, name="grpc-wait"):
            raise ResourceExhausted("the system allows this server no further thread now; try again later")
        self.waiting += 1
        return future

    def _end_wait(self, future: asyncio.Future[Answer], answer: Answer) -> None:
        self.waiting -= 1
        if not future.done():
            future.set_result(answer)

    def _on_change(self) -> None:
        """Called on any thread when something about the models has changed."""
        if self.watches and not self._wake_due:
            self._wake_due = True
            self._call_soon(self.wake_watches)

    def _call_soon(self, action: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:  # the loop has ended
            return

    def _names_of_services(self) -> tuple[str, ...]:
        names = {name.split("/")[1] for name in self.api.methods}
        return tuple(sorted(names))


def too_many_wait() -> ResourceExhausted:
    return ResourceExhausted(f"{MAX_WAITING} calls wait for models to change already; try again later")
