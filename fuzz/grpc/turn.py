"""A turn of attacks on one server over gRPC: one client asks what hypothesis draws, others what becomes of it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky, FlakyFailure

from fuzz.answers import Wrong
from fuzz.case import Case, Ending, Find
from fuzz.grpc.frames import attack, frames_case
from fuzz.grpc.messages import calls
from fuzz.grpc.methods import PREDICT, RELOAD, Method
from fuzz.grpc.mutations import mutated
from fuzz.grpc.oracle import Call, ask
from fuzz.models import FOLDER, NAMES
from fuzz.target import Target
from lightship.protos import PredictRequest, PredictResponse, ReloadConfigRequest

MUTATORS = 2
MAX_GROWTH = 150.0  # megabytes, from a fifth of the turn to its end
MAX_FINDS = 20
_EXAMPLES = 200  # that hypothesis draws before it begins anew
_RECENT = 40  # calls of each client that are kept, for what is only seen later


@dataclass(slots=True)
class Turn:
    """`run` attacks until `seconds` are over or the server is; the same seed draws the same messages."""

    target: Target
    seed: int
    seconds: float
    methods: Sequence[Method]
    finds: list[Find] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    before: float = 0.0
    after: float = 0.0
    _corpus: deque[Call] = field(default_factory=lambda: deque(maxlen=1000))
    _recent: deque[Call] = field(default_factory=lambda: deque(maxlen=_RECENT * (MUTATORS + 1)))
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Find]:
        end = time.monotonic() + self.seconds
        mutators = [threading.Thread(target=self._mutate, args=(number, end)) for number in range(MUTATORS)]
        others = [threading.Thread(target=target, args=(end,)) for target in (self._send_frames, self._watch)]
        for thread in (*mutators, *others):
            thread.start()
        self._draw(end)
        for thread in (*mutators, *others):
            thread.join()
        self._watch_once()
        if self.target.alive:
            self._check_memory()
        return self.finds

    def _draw(self, end: float) -> None:
        with opened(self.target) as channel:
            chunk = 0
            while time.monotonic() < end and not self._stop.is_set():
                try:
                    self._drawn(channel, f"{self.seed}/{chunk}", end)
                except Wrong as wrong:  # of the smallest message that hypothesis finds
                    self._found(str(wrong), self._recent[-1])
                except Flaky as flaky:  # it was not found again: others did it
                    self._found(f"not always: {flaky.exceptions if isinstance(flaky, FlakyFailure) else flaky}")
                chunk += 1

    def _drawn(self, channel: grpc.Channel, start: str, end: float) -> None:
        @seed(start)
        @settings(
            max_examples=_EXAMPLES,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(calls(*self.methods))
        def asked(drawn: tuple[Method, Any]) -> None:
            if time.monotonic() < end and not self._stop.is_set():
                call = Call(drawn[0].path, drawn[1].SerializeToString(deterministic=True))
                self._corpus.append(call)
                self._ask(channel, call, "drawn")

        asked()

    def _mutate(self, number: int, end: float) -> None:
        random = Random(f"{self.seed}/mutations/{number}")
        with opened(self.target) as channel:
            while time.monotonic() < end and not self._stop.is_set():
                if not self._corpus:
                    time.sleep(0.01)
                    continue
                call, other = random.choice(list(self._corpus)), random.choice(list(self._corpus))
                changed = Call(call.path, mutated(call.request, other.request, random))
                try:
                    self._ask(channel, changed, "mutated")
                except Wrong as wrong:
                    self._found(str(wrong), changed)

    def _send_frames(self, end: float) -> None:
        random = Random(f"{self.seed}/frames")
        while time.monotonic() < end and not self._stop.is_set():
            if not self._corpus:
                time.sleep(0.01)
                continue
            call = random.choice(list(self._corpus))
            case = frames_case(call.path, call.request, random)
            try:
                attack(self.target.grpc_port, case)
            except (Wrong, OSError) as error:
                if self.target.alive:
                    self._found(f"frames: {error}", case)
            self.codes["frames"] += 1

    def _ask(self, channel: grpc.Channel, call: Call, kind: str) -> None:
        self._recent.append(call)
        code = ask(channel, call)
        self.codes.update((kind, f"{call.path.rpartition('/')[2]} {code}"))

    def _watch(self, end: float) -> None:
        measure = end - 0.8 * self.seconds
        while time.monotonic() < end and not self._stop.wait(0.5):
            self._watch_once()
            if not self.before and time.monotonic() > measure:
                self.before = self.target.resident_megabytes()

    def _watch_once(self) -> None:
        log = self.target.new_log()
        if not self.target.alive:
            self._found(f"the server: ended with {self.target.process.returncode}: {log[-3000:]}")
        elif "Traceback" in log:
            self._found(f"a traceback: {log[log.index('Traceback') - 500 :][:4000]}")

    def _check_memory(self) -> None:
        try:
            if RELOAD in self.methods:
                _restore(self.target)
            probe(self.target)
        except (Wrong, grpc.RpcError) as error:
            self._found(f"after the turn: the probe failed: {error}")
        self.before = self.before or self.target.resident_megabytes()
        self.after = self.target.settled_megabytes(self.before + MAX_GROWTH)
        if self.after > self.before + MAX_GROWTH:
            self._found(f"memory: from {self.before:.0f} to {self.after:.0f} MB")

    def _found(self, what: str, made: Call | Case | None = None) -> None:
        seen = [made] if made is not None and self.target.alive else list(self._recent)
        if all(_gist(find.what) != _gist(what) for find in self.finds):
            self.finds.append(Find(what, tuple(one if isinstance(one, Case) else _case(one) for one in seen)))
        if len(self.finds) >= MAX_FINDS or not self.target.alive:
            self._stop.set()


def opened(target: Target) -> grpc.Channel:
    """A connection of its own."""
    return grpc.insecure_channel(f"127.0.0.1:{target.grpc_port}", options=[("grpc.use_local_subchannel_pool", 1)])


def probe(target: Target) -> None:
    """Raises Wrong or RpcError unless a good request is answered rightly."""
    request = PredictRequest()
    request.model_spec.name = NAMES[0]
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_shape.dim.add(size=1)
    request.inputs["x"].float_val.append(1.0)
    with opened(target) as channel:
        answer = channel.unary_unary(PREDICT.path)(request.SerializeToString(), timeout=20)
    if list(PredictResponse.FromString(answer).outputs["y"].float_val) != [2.5]:
        raise Wrong(f"the probe: {answer!r}")


def _restore(target: Target) -> None:
    """Serves again what the probe asks."""
    request = ReloadConfigRequest()
    request.config.model_config_list.config.add(
        name=NAMES[0], base_path=str(FOLDER / NAMES[0]), model_platform="tensorflow"
    )
    with opened(target) as channel:
        channel.unary_unary(RELOAD.path)(request.SerializeToString(), timeout=60)


def replay(target: Target, cases: Sequence[Case]) -> list[Find]:
    """The finds that some calls make again, one after the other."""
    finds = []
    with opened(target) as channel:
        for case in cases:
            try:
                if case.kind == "frames":
                    attack(target.grpc_port, case)
                else:
                    ask(channel, Call(case.kind, case.bytes))
                probe(target)
            except (Wrong, OSError, grpc.RpcError) as error:
                finds.append(Find(str(error), (case,)))
            if "Traceback" in (log := target.new_log()) or not target.alive:
                finds.append(Find(f"the server: {log[-3000:]}", (case,)))
            if not target.alive:
                break
    return finds


def _case(call: Call) -> Case:
    return Case(call.path, (call.request,), Ending.WAIT)


def _gist(what: str) -> str:
    """What finds of one cause have in common."""
    return "".join(character for character in what.partition(": ")[2] if not character.isdigit())[:60]
