"""Prints what `lightship bench` measured, and writes its files."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightship.bench.measured import Measured, Row, cpu_per_answer, warnings_of
from lightship.cli.failures import print_warning
from lightship.cli.output import add_row, print_styled, print_text
from lightship.evaluation.page.values import significant

_SHOWN_PERCENTILES = (50.0, 90.0, 99.0, 99.9)


def print_measured(measured: Measured) -> None:
    """Prints the tables, and warnings on standard error."""
    for target in measured.targets:
        print_text(f"{target.role}: {target.name}: {target.payload}" if len(measured.targets) > 1 else _line(measured))
    if measured.rows:
        _print_rows(measured)
    if measured.ratios:
        _print_ratios(measured)
    for row in measured.rows:
        if row.counts.failed:
            kinds = ", ".join(f"{count:,} x {name}" for name, count in row.counts.errors.most_common())
            print_text(f"errors at {_load(row)}{_of(measured, row)}: {kinds}")
    _print_searches(measured)
    for text in warnings_of(measured):
        print_warning(text)


def _line(measured: Measured) -> str:
    return f"{measured.targets[0].name}: {measured.targets[0].payload}"


def _load(row: Row) -> str:
    rate = row.counts.plan.rate
    return f"{row.counts.plan.connections} connections" if rate is None else f"{significant(rate)} requests a second"


def _of(measured: Measured, row: Row) -> str:
    return f" of {row.target.role}" if len(measured.targets) > 1 else ""


def _print_rows(measured: Measured) -> None:
    from rich.table import Table

    several = len(measured.targets) > 1
    used = any(row.counts.usage for row in measured.rows)
    table = Table(box=None, padding=(0, 2, 0, 0))
    open_loop = any(row.counts.plan.rate is not None for row in measured.rows)
    table.add_column("Load" if open_loop else "Connections", justify="right", no_wrap=True)
    titles = ["Target"] if several else []
    titles += ["Answers/s", *(f"p{one:g} ms" for one in _SHOWN_PERCENTILES), "Max ms", "Errors"]
    for title in titles + (["CPU ms each", "Memory MB"] if used else []):
        table.add_column(title, justify="left" if title == "Target" else "right", no_wrap=True)
    for row in measured.rows:
        add_row(table, *_cells(row, several=several, used=used))
    print_styled(table)


def _cells(row: Row, *, several: bool, used: bool) -> Sequence[str]:
    counts = row.counts
    load = row.load if counts.plan.rate is not None else f"{counts.plan.connections}"
    cells = [f"{load}{' (stopped)' if counts.stopped else ''}", *([row.target.role] if several else [])]
    cells.append(f"{counts.rate:,.1f}" if counts.rate < 1000 else f"{counts.rate:,.0f}")
    cells += [_milliseconds(counts.latencies.percentile(one)) for one in _SHOWN_PERCENTILES]
    cells += [
        _milliseconds(counts.latencies.largest / 1e9 if len(counts.latencies) else math.nan),
        f"{counts.failed:,}",
    ]
    if used:
        cpu, usage = cpu_per_answer(counts), counts.usage
        cells += ["–" if cpu is None else f"{cpu:.3g}", "–" if usage is None else f"{usage.memory / 1e6:.0f}"]
    return cells


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    if not math.isfinite(value):
        return "–"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _print_ratios(measured: Measured) -> None:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("B divided by A", no_wrap=True)
    for title in ("Load", "Median", "Lowest", "Highest", "Rounds"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in measured.ratios:
        numbers = [f"{value:.2f}" for value in (one.median, min(one.values), max(one.values))]
        add_row(table, one.name, one.load, *numbers, str(len(one.values)))
    print_text()
    print_styled(table)


def _print_searches(measured: Measured) -> None:
    for target, search in measured.searches:
        wanted = ", ".join(map(str, search.objectives))
        if search.found is not None:
            rate = search.found.plan.rate or 0.0
            print_text(f"{target.name} keeps {wanted} up to {significant(rate)} requests a second")
        elif not search.stopped:
            lowest, why = min(search.tries, key=lambda one: one[0].plan.rate or 0.0)
            rate = lowest.plan.rate or 0.0
            broken = why or "only in some of the runs"
            print_text(f"{target.name} does not keep {wanted}: at {significant(rate)} a second, {broken}")
