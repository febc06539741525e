"""A turn of costly requests: some clients send them, another one is watched, and so is the server's memory."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attacks.bystander import KINDS, Bystander, Seen
from benchmarks.attacks.target import Memory, Server

from fuzz.answers import Wrong
from fuzz.costly.plans import drawn_plan
from fuzz.costly.sender import carry_out

CLIENTS = 3
MAX_FINDS = 20
_KEPT = 200  # cases that are remembered, to tell which ones another client waited for


@dataclass(frozen=True, slots=True)
class Limits:
    """wait: seconds that another client may wait; a photo may take twice as long, since photos share the threads for
    them. peak, stays: megabytes above the start."""

    wait: float = 5.0
    peak: float = 1000.0
    stays: float = 200.0


@dataclass(slots=True)
class Begun:
    """A case: its key draws it again."""

    key: str
    kind: str
    begun: float
    ended: float = float("inf")


@dataclass(frozen=True, slots=True)
class Find:
    """what: what was seen. cases: those that were under way, the last begun last."""

    what: str
    cases: tuple[Begun, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(case.key for case in self.cases)


@dataclass(slots=True)
class Turn:
    """`run` draws cases until `seconds` are over. A case's key is SEED/CLIENT/NUMBER, and all that it depends on.

    draw: makes the case of a key. send: carries it out at `port`, that of REST if it is 0, and returns how often which
    answer came; raises Wrong. watched: what another client asks meanwhile.
    """

    server: Server
    limits: Limits = field(default_factory=Limits)
    draw: Callable[[str], Any] = drawn_plan
    send: Callable[[int, Any], Counter[Any]] = carry_out
    port: int = 0
    watched: Sequence[str] = KINDS
    finds: list[Find] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[Any] = field(default_factory=Counter)
    longest: float = 0.0
    peak: float = 0.0
    stays: float = 0.0
    _cases: deque[Begun] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _judged: int = 0
    _logged: int = 0

    def run(self, seed: int, seconds: float) -> list[Find]:
        end = time.monotonic() + seconds
        return self._run([self._until(end, seed, client) for client in range(CLIENTS)])

    def replay(self, keys: Sequence[str]) -> list[Find]:
        """Sends these cases again, all at the same time."""
        return self._run([iter((key,)) for key in keys])

    def _until(self, end: float, seed: int, client: int) -> Iterator[str]:
        for number in itertools.count():
            if time.monotonic() > end or self._stop.is_set():
                return
            yield f"{seed}/{client}/{number}"

    def _run(self, clients: Sequence[Iterator[str]]) -> list[Find]:
        threads = [threading.Thread(target=self._attack, args=(keys,)) for keys in clients]
        with Bystander(self.server.address, self.watched) as other:
            with Memory(self.server) as memory:
                for thread in threads:
                    thread.start()
                while any(thread.is_alive() for thread in threads):
                    self._stop.wait(0.2)
                    self._watch(other, memory)
                self._judge(other.stop())
            self.peak = memory.peak - memory.start
            self.stays = memory.settled(memory.start + self.limits.stays) - memory.start
        if self.stays > self.limits.stays and self.server.alive:
            self._found(f"memory: {self.stays:.0f} MB stay above the start", self._cases)
        return self.finds

    def _attack(self, keys: Iterable[str]) -> None:
        for key in keys:
            plan = self.draw(key)
            case = Begun(key, plan.kind, time.monotonic())
            with self._lock:
                self._cases.append(case)
                self.kinds[plan.kind] += 1
            try:
                statuses = self.send(self.port or self.server.address.port, plan)
                with self._lock:
                    self.statuses += statuses
            except Wrong as wrong:
                self._found(f"{plan.kind}: {wrong}", (case,))
            except OSError as error:
                self._found(f"no connection: {error}", self._under_way(case.begun, time.monotonic()))
            case.ended = time.monotonic()

    def _watch(self, other: Bystander, memory: Memory) -> None:
        self._judge(other.seen)
        now = time.monotonic()
        if memory.peak - memory.start > self.limits.peak:
            self._found(f"memory: {memory.peak - memory.start:.0f} MB above the start", self._under_way(now - 1.0, now))
            memory.peak = memory.now()
        log = self.server.log.read_text(errors="replace")
        if "Traceback" in log[self._logged :]:
            self._found(f"a traceback: {log[self._logged :][-3000:]}", self._under_way(now - 1.0, now))
        self._logged = len(log)
        if not self.server.alive:
            self._found(f"the server: ended with {self.server.process.returncode}", self._under_way(now - 1.0, now))
            self._stop.set()

    def _judge(self, seen: Sequence[Seen]) -> None:
        for one in seen[self._judged :]:
            self._judged += 1
            self.longest = max(self.longest, one.seconds)
            cases = self._under_way(one.begun, one.begun + one.seconds)
            if one.seconds > self.limits.wait * (2 if one.what == "photo" else 1):
                self._found(f"waited: another client waited {one.seconds:.1f} s for its {one.what}", cases)
            if one.status != "200" and (one.what, one.status) != ("photo", "503"):
                self._found(f"refused: another client got {one.status} for its {one.what}", cases)

    def _under_way(self, begun: float, ended: float) -> tuple[Begun, ...]:
        with self._lock:
            return tuple(case for case in self._cases if case.begun < ended and case.ended > begun)

    def _found(self, what: str, cases: Iterable[Begun]) -> None:
        find = Find(what, tuple(cases))
        with self._lock:
            if all(_gist(find) != _gist(other) for other in self.finds):
                self.finds.append(find)
            if len(self.finds) >= MAX_FINDS:
                self._stop.set()


def _gist(find: Find) -> tuple[str, str]:
    """What finds of one cause have in common: what was seen, and the kinds of cases that were under way."""
    text = "".join(character for character in find.what if not character.isdigit())[:80]
    return text, " ".join(sorted({case.kind for case in find.cases}))
