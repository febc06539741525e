"""The page of what was measured: one HTML file with charts and tables, which loads nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from lightship.bench.charts import Chart, Line, charts_of
from lightship.bench.measured import PERCENTILES, Measured, Row, cpu_per_answer, warnings_of
from lightship.evaluation.page import Column, Markup, Section, count, decimal, facts, joined, page, table, tag
from lightship.evaluation.page.axes import below, chart, horizontal_lines, nice_ticks, place, stretched


def bench_page(measured: Measured) -> str:
    """Returns the page as HTML."""
    sections = [
        Section("charts", "Charts", joined(tag("div", _chart(one)) for one in charts_of(measured))),
        Section("figures", "Figures", _figures(measured.rows)),
    ]
    if measured.ratios:
        sections.append(Section("ratios", "B divided by A", _ratios(measured)))
    if measured.searches:
        sections.append(Section("slo", "Objectives", _searches(measured)))
    errors = [row for row in measured.rows if row.counts.failed]
    if errors:
        sections.append(Section("errors", "Errors", _errors(errors)))
    title = " and ".join(one.name for one in measured.targets)
    return page(title, kind="Benchmark", lead=_lead(measured), sections=sections)


def _lead(measured: Measured) -> Markup:
    told = facts((f"{one.role}: {one.name}", one.payload) for one in measured.targets)
    notices = [tag("p", one[:1].upper() + one[1:], class_="notice") for one in warnings_of(measured)]
    if measured.stopped:
        notices.append(tag("p", "It was stopped before its end.", class_="notice"))
    if measured.dead:
        notices.append(tag("p", f"{measured.dead} stopped answering.", class_="notice bad"))
    return joined((told, *notices))


def _figures(rows: Sequence[Row]) -> Markup:
    titles = ("Load", "Target", "Answers/s", *(f"p{one:g} ms" for one in PERCENTILES), "Errors", "CPU ms", "Memory MB")
    columns = [Column(one, numeric=one != "Target") for one in titles]
    return table("Figures", columns, [_cells(row) for row in rows])


def _cells(row: Row) -> list[object]:
    counts = row.counts
    cpu = cpu_per_answer(counts)
    return [
        row.load,
        row.target.role,
        decimal(counts.rate, 1),
        *(decimal(counts.latencies.percentile(one) * 1e3, 2) for one in PERCENTILES),
        count(counts.failed),
        "–" if cpu is None else decimal(cpu, 3),
        "–" if counts.usage is None else decimal(counts.usage.memory / 1e6, 0),
    ]


def _ratios(measured: Measured) -> Markup:
    columns = [Column(one, numeric=number > 1) for number, one in enumerate(("Figure", "Load", "Median", "Range"))]
    rows = [
        (one.name, one.load, decimal(one.median), f"{decimal(min(one.values))} to {decimal(max(one.values))}")
        for one in measured.ratios
    ]
    return table("B divided by A, turn by turn", columns, rows)


def _searches(measured: Measured) -> Markup:
    columns = [Column("Target"), Column("Requests a second", numeric=True), Column("Kept")]
    rows = [
        (target.role, decimal(counts.plan.rate or math.nan, 1), why or "yes")
        for target, search in measured.searches
        for counts, why in search.tries
    ]
    return table("What was tried", columns, rows)


def _errors(rows: Sequence[Row]) -> Markup:
    columns = [Column("Load"), Column("Target"), Column("Error"), Column("Requests", numeric=True)]
    cells = [
        (row.load, row.target.role, name, count(number))
        for row in rows
        for name, number in row.counts.errors.most_common()
    ]
    return table("Errors", columns, cells)


def _chart(one: Chart) -> Markup:
    highest = max((value for line in one.lines for value in line.values if math.isfinite(value)), default=0.0)
    ticks = nice_ticks(highest)
    width = len(one.columns)
    parts = [
        horizontal_lines([(tick / ticks[-1], f"{tick:.6g}") for tick in ticks]),
        stretched(*(tag("path", d=_path(line, ticks[-1]), class_=f"line {_kind(line)}") for line in one.lines)),
        *(dot for line in one.lines for dot in _dots(one, line, ticks[-1])),
        *(below((index + 0.5) / width, name) for index, name in enumerate(one.columns)),
    ]
    legend = tag("ul", *map(_legend, one.lines), tag("li", f"by {one.below}"), class_="legend")
    told = "; ".join(f"{line.name} {_ends(line)}" for line in one.lines)
    return joined((chart(one.title, f"{one.title} by {one.below}: {told}", *parts), legend))


def _ends(line: Line) -> str:
    return f"from {line.values[0]:.4g} to {line.values[-1]:.4g}"


def _kind(line: Line) -> str:
    return "valid" if line.strong else "train"


def _path(line: Line, scale: float) -> str:
    steps, gap = [], True
    for index, value in enumerate(line.values):
        if math.isfinite(value):
            x, y = (index + 0.5) / len(line.values) * 100, (1 - value / scale) * 100
            steps.append(f"{'M' if gap else 'L'}{x:.2f} {y:.2f}")
        gap = not math.isfinite(value)
    return " ".join(steps)


def _dots(one: Chart, line: Line, scale: float) -> Iterator[Markup]:
    for index, value in enumerate(line.values):
        if math.isfinite(value):
            x, y = place((index + 0.5) / len(line.values)), place(1 - value / scale)
            title = tag("title", f"{line.name}, {one.columns[index]}: {value:.5g}")
            yield tag("circle", title, cx=x, cy=y, r="3", class_=f"dot {_kind(line)}")


def _legend(line: Line) -> Markup:
    stroke = tag("line", x1="0", x2="26", y1="5", y2="5", class_=f"line {_kind(line)}")
    return tag("li", tag("svg", stroke, width="26", height="10"), line.name)
