"""A table of the asks on the code of this checkout: ok, wrong, crashed. A crash ends one ask, not the run.

python -m tests.equality.run [--without-tensorflow] [--models FOLDER] [--seconds N] [NAME...]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

from tests.equality.checking import Case, faults, prepare, ready_seconds
from tests.equality.graphs.every import EVERY
from tests.equality.serving import ServerEnded, ServerProcess, serving

import lightship

CHUNK = 64  # models to a server
SUSPECTS = 4  # models that a server loads at once, at most


def main() -> None:
    options = _options()
    names = [name for name in EVERY if not options.names or any(part in name for part in options.names)]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lightship-asks-") as temporary:
        folder = Path(options.models or temporary) / _digest()
        cases = [prepare(EVERY[name], folder) for name in names]
        calls = sum(len(case.expected) for case in cases)
        print(f"{Path(lightship.__file__).parent}: {len(cases)} models, {calls} calls; {_since(start)}", flush=True)
        results = _results(cases, not options.without_tensorflow, start + options.seconds)
        tally = Counter(_shown(name, result, text, options.brief) for name, result, text in results)
    print(f"{', '.join(f'{result}: {count}' for result, count in sorted(tally.items()))}; {_since(start)}")
    sys.exit(0 if set(tally) <= {"ok"} else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of an ask's name; all asks without one")
    parser.add_argument("--without-tensorflow", action="store_true", help="where TensorFlow cannot be imported")
    parser.add_argument("--models", metavar="FOLDER", help="keeps the saved models there for the next run")
    parser.add_argument("--seconds", type=float, default=600, help="the most that the run may take")
    parser.add_argument("--brief", action="store_true", help="one line for each ask that is not ok")
    return parser.parse_args()


def _digest() -> str:
    """Of the asks: models that were kept belong to these."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _results(cases: list[Case], tensorflow: bool, end: float) -> Iterator[tuple[str, str, str]]:
    """Name, result and reason of each."""
    waiting = deque(cases[start : start + CHUNK] for start in range(0, len(cases), CHUNK))
    while waiting:
        chunk = waiting.popleft()
        if time.monotonic() > end:
            yield from ((case.ask.name, "not asked", "no time was left") for case in chunk)
            continue
        asked: list[Case] = []
        try:
            models = {case.ask.name: case.model for case in chunk}
            with serving(models, tensorflow=tensorflow, ready_seconds=ready_seconds(chunk)) as server:
                yield from _of_chunk(server, chunk, asked, tensorflow)
        except ServerEnded as reason:
            if asked:
                yield asked[-1].ask.name, "crashed", str(reason)
                waiting.appendleft(chunk[len(asked) :])
            elif len(chunk) == 1:
                yield chunk[0].ask.name, "crashed", f"while it was loaded: {reason}"
            else:
                waiting.extendleft(reversed(_apart(chunk, reason.loaded)))


def _apart(chunk: list[Case], loaded: frozenset[str]) -> list[list[Case]]:
    """The models that may have ended the server are loaded alone. It loads them in their order, a few at a time."""
    suspects = [case for case in chunk if case.ask.name not in loaded][:SUSPECTS]
    others = [case for case in chunk if not any(case is suspect for suspect in suspects)]
    return [*([case] for case in suspects), *([others] if others else [])]


def _since(start: float) -> str:
    return f"{time.monotonic() - start:.0f} s"


def _of_chunk(
    server: ServerProcess, chunk: list[Case], asked: list[Case], tensorflow: bool
) -> Iterator[tuple[str, str, str]]:
    for case in chunk:
        asked.append(case)
        wrong = faults(server, case, tensorflow=tensorflow)
        if not server.alive:
            raise ServerEnded("the process ended after its answer")
        yield case.ask.name, "wrong" if wrong else "ok", "\n".join(wrong)


def _shown(name: str, result: str, text: str, brief: bool) -> str:
    lines = text.splitlines()
    if result != "ok":
        shown = [line[:160] for line in lines[:1]] if brief else [line[:600] for line in lines]
        print(f"{result:8} {name}", *(f"           {line}" for line in shown), sep="\n", flush=True)
    return result


if __name__ == "__main__":
    main()
