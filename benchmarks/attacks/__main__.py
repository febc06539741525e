"""What small requests that are costly to answer do to another client and to the server's memory: a table.

Each attack meets a server of its own, which has a toy model and the demo's dog model, and comes from a process of its
own, as does the other client. Ends with 1 if an aim is missed.
Usage: python -m benchmarks.attacks [--only NAME ...] [--commit COMMIT]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.attacks.kinds import ATTACKS, Attack
from benchmarks.attacks.target import COMMAND, Models, environment_of_sources
from benchmarks.attacks.trial import MEMORY_BUDGET, Measured, measure
from benchmarks.commits import checked_out, install
from benchmarks.models import made
from demo.assets import fetch
from demo.demo import exported


@dataclass(frozen=True, slots=True)
class Side:
    """The package that is measured: the working tree's, or another commit's."""

    environment: Mapping[str, str] = field(default_factory=environment_of_sources)
    command: Sequence[str] = COMMAND

    def options(self) -> list[str]:
        """The memory budget, where the package knows it."""
        wide = {**self.environment, "COLUMNS": "200", "TERM": "dumb"}
        told = subprocess.run([*self.command, "serve", "--help"], env=wide, capture_output=True, text=True, check=True)
        return ["--memory-budget", f"{MEMORY_BUDGET}MB"] if "--memory-budget" in told.stdout else []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    names = [attack.name for attack in ATTACKS]
    parser.add_argument("--only", choices=names, action="append", help="this attack alone; may be repeated")
    parser.add_argument("--commit", help="measure this commit's package instead of the working tree's")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller attacks, such as 0.1")
    options = parser.parse_args()
    missed = 0
    with chosen(options.commit) as side:
        flags, models = side.options(), demo_models()
        print(f"{os.cpu_count()} cores; options of the server: {' '.join(flags) or 'none'}")
        print(HEAD, flush=True)
        for attack in ATTACKS:
            if options.only is None or attack.name in options.only:
                measured = measure(
                    attack, models, flags, scale=options.scale, environment=side.environment, command=side.command
                )
                print(row(attack, measured), flush=True)
                missed += bool(measured.misses(attack))
    return 1 if missed else 0


@contextmanager
def chosen(commit: str | None) -> Iterator[Side]:
    if commit is None:
        yield Side()
        return
    with tempfile.TemporaryDirectory(prefix="lightship-attacks-") as scratch:
        installed = install(checked_out(commit, Path(scratch, "source")), Path(scratch, "installed"))
        yield Side(installed.environment, installed.command())


def demo_models() -> Models:
    assets = fetch()
    return Models(made() / "toy", 4, exported(assets).parent, assets.photo)


COLUMNS = ("attack", "another client waits (before)", "peak", "stays", "attacker got", "other client got", "load", "")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def row(attack: Attack, measured: Measured) -> str:
    """A line of the table. What misses its aim is bold."""
    missed = measured.misses(attack)
    waits = ", ".join(f"{what} {seconds:.2f}" for what, seconds in measured.waits.items())
    cells = (
        f"{attack.title} (`{attack.name}`)",
        f"{waits} s ({max(measured.calm.values()):.2f})",
        f"{measured.peak:.0f} MB",
        f"{measured.stays:.0f} MB",
        _counted(measured.answers),
        _counted(measured.refused) or "all its answers",
        f"{measured.load:.1f}",
    )
    verdict = f" **{'; '.join(missed)}** |" if missed else " ok |"
    return f"| {' | '.join(cells)} |{verdict}"


def _counted(answers: Counter[str]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in answers.most_common())


if __name__ == "__main__":
    sys.exit(main())
