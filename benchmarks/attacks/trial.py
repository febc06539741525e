"""One attack on a fresh server, and what it did to another client and to the memory."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.attacks.attacker import Attacker
from benchmarks.attacks.bystander import GRPC, KINDS, Bystander, failures, longest
from benchmarks.attacks.exchange import ask
from benchmarks.attacks.kinds import Attack
from benchmarks.attacks.payloads import post
from benchmarks.attacks.target import COMMAND, Memory, Models, Server, serving

MEMORY_BUDGET = 512  # megabytes, where the server has that option
MAX_ABOVE_BUDGET = 300.0  # megabytes
MAX_STAYS = 100.0  # megabytes
_WARM = 50  # requests


@dataclass(frozen=True, slots=True)
class Measured:
    """waits: the longest of the other client by what it asked, in seconds; calm: the same before the attack. refused:
    what the other client got instead of a good answer. peak, stays: megabytes above the start. answers: what the
    attacker got. load: the machine's, when it began."""

    waits: dict[str, float]
    calm: dict[str, float]
    refused: Counter[str]
    peak: float
    stays: float
    answers: Counter[str]
    seconds: float
    load: float
    alive: bool

    @property
    def longest(self) -> float:
        return max(self.waits.values(), default=0.0)

    def misses(self, attack: Attack, budget: float = MEMORY_BUDGET) -> list[str]:
        """What is not as it should be."""
        found = []
        if not self.alive:
            found.append("30 s later the server still does not answer")
        if self.longest > attack.longest:
            found.append(f"another client waited {self.longest:.1f} s, aim {attack.longest:g}")
        if self.refused and not attack.refuses_others:
            found.append(f"another client got {dict(self.refused)}")
        if self.peak > budget + MAX_ABOVE_BUDGET:
            found.append(f"{self.peak:.0f} MB above the start, aim {budget + MAX_ABOVE_BUDGET:.0f}")
        if self.stays > MAX_STAYS:
            found.append(f"{self.stays:.0f} MB stay, aim {MAX_STAYS:.0f}")
        return found


def measure(
    attack: Attack,
    models: Models,
    options: Sequence[str] = (),
    *,
    scale: float = 1.0,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = COMMAND,
    calm: float = 2.0,
    settling: tuple[float, float] = (5.0, 10.0),
) -> Measured:
    """Starts a server for the attack alone.

    environment, command: of the package that is measured. calm: seconds of the other client alone. settling: the
    seconds after which memory must have come back, at least and at most.
    """
    with serving(models, options, files=attack.files, environment=environment, command=command) as server:
        for _ in range(_WARM):  # what the first calls take for good does not count
            _answers(server)
        server.wait_for_helpers()
        return _attacked(attack, server, scale, calm, settling)


def _answers(server: Server) -> bool:
    request = post(server.address.toy, server.address.small_body())
    return server.alive and ask(server.address.port, request, 30.0).status == "200"


def _attacked(attack: Attack, server: Server, scale: float, calm: float, settling: tuple[float, float]) -> Measured:
    kinds = [*(KINDS if attack.photos else KINDS[:2]), *([GRPC] if attack.grpc else [])]
    load = os.getloadavg()[0]
    with Attacker(attack, server.address, scale) as attacker, Bystander(server.address, kinds) as other:
        time.sleep(calm)
        with Memory(server) as memory:
            begun = time.monotonic()
            answers = attacker.run()
            seconds = time.monotonic() - begun
            seen = other.stop()
        settled = memory.settled(memory.start + MAX_STAYS, *settling)
    return Measured(
        waits=longest(seen, begun),
        calm=longest([one for one in seen if one.begun + one.seconds <= begun], 0.0),
        refused=failures(seen, begun),
        peak=memory.peak - memory.start,
        stays=settled - memory.start,
        answers=answers,
        seconds=seconds,
        load=load,
        alive=_answers(server),
    )
