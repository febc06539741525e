"""One attack, in a process of its own: it makes its bytes, says "ready", begins when its standard input ends, and
says what the server answered.

Usage: python -m benchmarks.attacks.attacker NAME ADDRESS SCALE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import suppress

from benchmarks.attacks.kinds import ATTACKS, Attack
from benchmarks.attacks.target import ROOT, Address

_LONGEST = 600.0  # seconds


class Attacker:
    """The process, as its parent sees it; ready to begin."""

    def __init__(self, attack: Attack, address: Address, scale: float) -> None:
        command = [sys.executable, "-m", "benchmarks.attacks.attacker", attack.name, address.told(), str(scale)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError(f"the attack {attack.name} could not be prepared")

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(30)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()

    def run(self) -> Counter[str]:
        """Attacks until all was answered. Returns how often there was which status."""
        told, _ = self._process.communicate(timeout=_LONGEST)
        if self._process.returncode:
            raise RuntimeError(f"the attacker ended with {self._process.returncode}")
        return Counter(json.loads(told))


def main() -> None:
    name, address, scale = sys.argv[1:]
    os.nice(5)  # a real attacker takes no time from the server's processors
    attack = next(attack for attack in ATTACKS if attack.name == name)
    run = attack.prepare(Address.read(address), float(scale))
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps(run()))


if __name__ == "__main__":
    main()
