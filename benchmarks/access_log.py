"""What the access log costs: processor time of a request with and without it, paired, and their ratios.

Both servers are the working tree's and run at once, one idle while the other is asked, in pairs whose order alternates.
The log goes into a file. A ratio of 1.03 means that a request costs 3 % more with it. Needs `wrk` and `h2load`.
Usage: python -m benchmarks.access_log [--form text] [--rounds 12] [--seconds 2]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.commits import compare_requests, install
from benchmarks.models import MODELS, ROOT, made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=("text", "json"), default="text")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    folder = made()
    with tempfile.TemporaryDirectory() as scratch:
        without = install(ROOT, Path(scratch))
        log = Path(scratch, "access.log")
        logged = replace(without, options=("--access-log", options.form, "--access-log-file", str(log)))
        toy = next(model for model in MODELS if model.name == "toy")
        compare_requests((without, logged), toy, folder, "both", options.rounds, options.seconds, ("without", "with"))
        lines = log.read_bytes().splitlines()
        dropped = sum(b"dropped" in line for line in lines)
        print(f"{len(lines)} lines, {sum(map(len, lines)) / len(lines):.0f} bytes each, {dropped} about dropped ones")


if __name__ == "__main__":
    main()
