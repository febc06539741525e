"""Makes HTTP/2 connections as no library would, watches another client's waits and the server's memory, and says what
is wrong: `make fuzz`.

A find names the cases that were under way; `--case KEY`, which may be repeated, makes them again at the same time.
"""

from __future__ import annotations

import argparse
import random
import sys

from benchmarks.attacks.bystander import GRPC
from benchmarks.attacks.target import Models, serving

from fuzz.costly.__main__ import report
from fuzz.costly.turn import Limits, Turn
from fuzz.frames.sender import carry_out
from fuzz.frames.sessions import drawn_session
from fuzz.models import made

MEMORY_BUDGET = 256  # megabytes
LIMITS = Limits(wait=5.0, peak=600.0, stays=200.0)
WATCHED = ("livez", GRPC)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.frames", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="a random one by default")
    parser.add_argument("--case", action="append", default=[], metavar="KEY", help="make this case of a find again")
    parser.add_argument("--max-wait", type=float, default=LIMITS.wait, help="seconds, of another client")
    parser.add_argument("--max-peak", type=float, default=LIMITS.peak, help="megabytes above the start")
    parser.add_argument("--max-stays", type=float, default=LIMITS.stays, help="megabytes above the start")
    options = parser.parse_args()
    limits = Limits(options.max_wait, options.max_peak, options.max_stays)
    with serving(Models(made()[0], 1), ("--memory-budget", f"{MEMORY_BUDGET}MB")) as server:
        server.wait_for_helpers()
        turn = Turn(server, limits, drawn_session, carry_out, server.address.grpc_port, WATCHED)
        if options.case:
            turn.replay(options.case)
        else:
            print(f"seed {options.seed}", flush=True)
            turn.run(options.seed, options.seconds)
    print(f"{turn.kinds.total()} cases: {dict(turn.kinds.most_common())}; ends: {dict(turn.statuses.most_common())}")
    print(
        f"another client waited {turn.longest:.1f} s at most; memory: {turn.peak:.0f} MB above the start at most, "
        f"{turn.stays:.0f} MB in the end"
    )
    for find in turn.finds:
        report(find, "fuzz.frames")
    return 1 if turn.finds else 0


if __name__ == "__main__":
    sys.exit(main())
