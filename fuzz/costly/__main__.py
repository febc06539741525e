"""Sends requests at random that are costly to answer, watches another client's waits and the server's memory, and says
what is wrong: `make fuzz`.

A find names the cases that were under way; `--case KEY`, which may be repeated, sends them again at the same time.
"""

from __future__ import annotations

import argparse
import random
import sys

from benchmarks.attacks.target import Models, serving
from demo.assets import fetch

from fuzz.costly.turn import Find, Limits, Turn
from fuzz.models import made
from fuzz.target import warm

MEMORY_BUDGET = 512  # megabytes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.costly", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="a random one by default")
    parser.add_argument("--case", action="append", default=[], metavar="KEY", help="send this case of a find again")
    parser.add_argument("--max-wait", type=float, default=Limits().wait, help="seconds, of another client")
    parser.add_argument("--max-peak", type=float, default=Limits().peak, help="megabytes above the start")
    parser.add_argument("--max-stays", type=float, default=Limits().stays, help="megabytes above the start")
    options = parser.parse_args()
    limits = Limits(options.max_wait, options.max_peak, options.max_stays)
    served = models()
    with serving(served, ("--memory-budget", f"{MEMORY_BUDGET}MB")) as server:
        for folder in served.folders:
            warm(server.address.port, folder.name)
        server.wait_for_helpers()
        turn = Turn(server, limits)
        if options.case:
            turn.replay(options.case)
        else:
            print(f"seed {options.seed}", flush=True)
            turn.run(options.seed, options.seconds)
    print(f"{turn.kinds.total()} cases: {dict(turn.kinds.most_common())}; answers: {dict(turn.statuses.most_common())}")
    print(
        f"another client waited {turn.longest:.1f} s at most; memory: {turn.peak:.0f} MB above the start at most, "
        f"{turn.stays:.0f} MB in the end"
    )
    for find in turn.finds:
        report(find)
    return 1 if turn.finds else 0


def models() -> Models:
    half_plus_two, *others, dog = made()
    return Models(half_plus_two, 1, dog, fetch().photo, others)


def report(find: Find, program: str = "fuzz.costly") -> None:
    print(f"FOUND {find.what}")
    again = " ".join(f"--case {case.key}" for case in find.cases[-8:])
    kinds = ", ".join(f"{case.key} {case.kind}" for case in find.cases[-8:])
    print(f"  {len(find.cases)} case(s): {kinds}\n  python -m {program} {again}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
