"""Puts version folders in a server's way at random, whole, damaged, odd, or written slowly, and asks meanwhile: nothing
wrong may be answered, and what is whole must be served. `make fuzz`.

Every version is the same model, so that there is one right answer. A find names its case; `--case KEY` makes it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from fuzz.versions.server import models, served

MAX_FINDS = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz.versions", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=random.getrandbits(32), help="a random one by default")
    parser.add_argument("--case", action="append", default=[], metavar="KEY", help="make this case of a find again")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    end = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory(prefix="lightship-fuzz-") as root, served(Path(root), models()) as turn:
        for key in options.case:
            turn.run_case(key)
        while not options.case and time.monotonic() < end and len(turn.finds) < MAX_FINDS and turn.server.alive:
            turn.run_case(f"{options.seed}/{turn.kinds.total()}")
    print(f"{turn.kinds.total()} cases: {dict(turn.kinds.most_common())}")
    for find in turn.finds:
        print(f"FOUND {find}\n  python -m fuzz.versions --case {find.partition(',')[0]}")
    return 1 if turn.finds else 0


if __name__ == "__main__":
    sys.exit(main())
