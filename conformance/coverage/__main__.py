"""`python -m conformance.coverage`: tries every kind of model, and writes the table in docs/reference/coverage.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from conformance.coverage.asking import ask
from conformance.coverage.page import Said, said_of, shown, write_page
from conformance.coverage.rows import all_rows
from conformance.coverage.worker import Worker
from lightship.engines import EngineOptions


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.coverage", description=__doc__)
    parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows, said, times = all_rows(), dict[str, Said](), dict[str, tuple[str, str]]()
    with tempfile.TemporaryDirectory(prefix="lightship-coverage-") as place, Worker() as worker:
        for number, row in enumerate(rows):
            folder = Path(place) / str(number)
            row.save(folder)
            auto = ask(row, folder, EngineOptions(), timed=True)
            tensorflow = ask(row, folder, EngineOptions(engine="tensorflow"), timed=True)
            said[row.name] = said_of(auto, worker.ask(number, folder))
            on_openvino = None if "tensorflow" in auto.engine else auto.seconds
            times[row.name] = shown(on_openvino), shown(tensorflow.seconds)
            print(f"{row.name}: {said[row.name]}, {times[row.name]}", flush=True)
    write_page(rows, said, times)
    return 0


if __name__ == "__main__":
    sys.exit(main())
