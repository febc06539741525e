"""Attacks `lightship serve` over gRPC at random and says what it does wrong: `make fuzz`.

A find is printed and kept in a file under .cache/fuzz/finds, which `--replay FILE` tries again.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from fuzz.__main__ import report
from fuzz.case import Find, read_find
from fuzz.grpc.methods import ASKING, RELOAD
from fuzz.grpc.turn import Turn, replay
from fuzz.models import made
from fuzz.target import started


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.grpc", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="a random one by default")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try the calls of a find again")
    options = parser.parse_args()
    finds = []
    if options.replay:
        with started(made(), "--allow-reload") as target:
            finds = replay(target, read_find(options.replay).cases)
    else:
        print(f"seed {options.seed}", flush=True)
        with started(made()) as target:  # a reload takes the models away, so it has a server of its own
            finds += _attacked(Turn(target, options.seed, 0.9 * options.seconds, ASKING))
        with started(made(), "--allow-reload") as target:
            finds += _attacked(Turn(target, options.seed, 0.1 * options.seconds, (RELOAD,)))
    for find in finds:
        report(find, "fuzz.grpc")
    return 1 if finds else 0


def _attacked(turn: Turn) -> list[Find]:
    finds = turn.run()
    kinds = {name: turn.codes.pop(name, 0) for name in ("drawn", "mutated", "frames")}
    print(f"{sum(kinds.values())} cases, {kinds}: {dict(turn.codes.most_common())}")
    print(f"resident: {turn.before:.0f} MB early in the turn, {turn.after:.0f} MB after it", flush=True)
    return finds


if __name__ == "__main__":
    sys.exit(main())
