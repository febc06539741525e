"""Attacks `lightship serve` at random and says what it does wrong: `make fuzz`.

A find is printed and kept in a file under .cache/fuzz/finds, which `--replay FILE` tries again.
"""

from __future__ import annotations

import argparse
import base64
import random
import sys
import time
from pathlib import Path

from fuzz.case import Find, read_find, write_find
from fuzz.models import FOLDER, made
from fuzz.target import started
from fuzz.turn import Turn, replay


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, help="a random one by default; it is printed")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try the cases of a find again")
    options = parser.parse_args()
    with started(made()) as target:
        if options.replay:
            finds = replay(target, read_find(options.replay).cases)
        else:
            turn = Turn(target, options.seed if options.seed is not None else random.getrandbits(32), options.seconds)
            print(f"seed {turn.seed}", flush=True)
            finds = turn.run()
            print(f"{sum(turn.kinds.values())} cases: {dict(turn.kinds.most_common())}")
            print(f"resident: {turn.before:.0f} MB early in the turn, {turn.after:.0f} MB after it")
    for find in finds:
        report(find)
    return 1 if finds else 0


def report(find: Find, program: str = "fuzz") -> None:
    """Prints a find, and keeps it in a file."""
    file = FOLDER / "finds" / f"{time.strftime('%Y%m%d-%H%M%S')}-{random.getrandbits(32):08x}.json"
    write_find(find, file)
    print(f"FOUND {find.what}\n  {len(find.cases)} case(s): python -m {program} --replay {file}")
    if len(find.cases) == 1:
        for packet in find.cases[0].packets[:20]:
            print(f"  {base64.b64encode(packet[:3000]).decode()}")


if __name__ == "__main__":
    sys.exit(main())
