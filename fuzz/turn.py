"""A turn of attacks on one server: several clients at once, for a time, and what they find."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random

from fuzz.answers import Wrong
from fuzz.bodies import body_case, post
from fuzz.case import Case, Ending, Find
from fuzz.exchange import PATIENCE, Client
from fuzz.streams import stalled_case, stream_case
from fuzz.target import Target

CLIENTS = 4
MAX_GROWTH = 150.0  # megabytes, from a fifth of the turn to its end
MAX_FINDS = 20
STALLING = 30  # clients, in a turn that is long enough to wait for their end
_RECENT = 40  # cases of a client that are kept, for what is only seen later
_PROBE = Case("probe", (post("/v1/models/half_plus_two:predict", b'{"instances":[1.0]}'),), Ending.WAIT, (200,))


@dataclass(slots=True)
class Turn:
    """`run` attacks until `seconds` are over or the server is. Each case comes of the seed, a client's number and
    the case's number."""

    target: Target
    seed: int
    seconds: float
    finds: list[Find] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    before: float = 0.0
    after: float = 0.0
    _recent: list[deque[Case]] = field(default_factory=lambda: [deque(maxlen=_RECENT) for _ in range(CLIENTS)])
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Find]:
        end = time.monotonic() + self.seconds
        clients = [threading.Thread(target=self._attack, args=(number, end)) for number in range(CLIENTS)]
        if self.seconds > PATIENCE:
            clients += [threading.Thread(target=self._stall, args=(number,)) for number in range(STALLING)]
        for client in clients:
            client.start()
        self._watch(end)
        for client in clients:
            client.join()
        self._watch_once()
        if self.target.alive:
            self._check_memory()
        return self.finds

    def _watch(self, end: float) -> None:
        measure = end - 0.8 * self.seconds
        while time.monotonic() < end and not self._stop.wait(0.5):
            self._watch_once()
            if not self.before and time.monotonic() > measure:
                self.before = self.target.resident_megabytes()

    def _watch_once(self) -> None:
        if not self.target.alive:
            self._found(f"the server ended with {self.target.process.returncode}: {self.target.new_log()[-3000:]}")
        elif "Traceback" in (log := self.target.new_log()) and not any(
            "status 500" in find.what for find in self.finds
        ):
            self._found(f"a traceback in the log: {log[log.index('Traceback') - 500 :][:4000]}")

    def _check_memory(self) -> None:
        try:
            probe(self.target)
        except (Wrong, OSError) as error:
            self._found(f"after the turn the probe failed: {error}")
            return
        self.before = self.before or self.target.resident_megabytes()
        self.after = self.target.settled_megabytes(self.before + MAX_GROWTH)
        if self.after > self.before + MAX_GROWTH:
            self._found(f"resident memory went from {self.before:.0f} to {self.after:.0f} MB")

    def _stall(self, number: int) -> None:
        case = stalled_case(Random(f"{self.seed}/stalled/{number}"))
        self.kinds[case.kind] += 1
        try:
            with Client(self.target.port) as client:
                client.run(case)
        except (Wrong, OSError) as error:
            self._found(f"stalled client {number}: {error}", case)

    def _attack(self, number: int, end: float) -> None:
        client = Client(self.target.port)
        make = stream_case if number % 2 else body_case
        for count in itertools.count():
            if self._stop.is_set() or time.monotonic() > end:
                break
            case = make(Random(f"{self.seed}/{number}/{count}"))
            self._recent[number].append(case)
            self.kinds[case.kind] += 1
            try:
                client.run(case)
            except Wrong as wrong:
                self._found(f"client {number}, case {count}: {wrong}", case)
                client.close()
            except OSError as error:
                if self.target.alive:
                    self._found(f"client {number}, case {count}: no connection: {error}", case)
                self._stop.set()
        client.close()

    def _found(self, what: str, case: Case | None = None) -> None:
        alive = self.target.alive
        if case is None or not alive:
            recent = [kept for cases in self._recent for kept in list(cases)[-_RECENT if alive else -1 :]]
        else:
            recent = [case]
        if all(_gist(find.what) != _gist(what) for find in self.finds):
            self.finds.append(Find(what, tuple(recent)))
        if len(self.finds) >= MAX_FINDS or not self.target.alive:
            self._stop.set()


def _gist(what: str) -> str:
    """What finds of one cause have in common."""
    return "".join(character for character in what.partition(": ")[2] if not character.isdigit())[:150]


def probe(target: Target) -> None:
    """Raises Wrong or OSError unless a good request is answered rightly."""
    with Client(target.port) as client:
        client.run(_PROBE)


def replay(target: Target, cases: tuple[Case, ...]) -> list[Find]:
    """The finds that some cases make again, one after the other."""
    finds = []
    for case in cases:
        try:
            with Client(target.port) as client:
                client.run(case)
            probe(target)
        except (Wrong, OSError) as error:
            finds.append(Find(str(error), (case,)))
        log = target.new_log()
        if "Traceback" in log or not target.alive:
            finds.append(Find(f"the server: {log[-3000:]}", (case,)))
        if not target.alive:
            break
    return finds
