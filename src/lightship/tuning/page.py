"""The page of a tuning: one HTML file with the figures and plots of the comparison, and of all settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightship.evaluation.page import Column, Markup, Section, decimal, facts, figure, joined, page, table, tag
from lightship.evaluation.page.axes import below, chart, horizontal_lines, nice_ticks, place, stretched
from lightship.evaluation.page.values import significant
from lightship.tuning.result import Tuning, figures_of

# A line: its name, the colour of its class in the style of pages, and its values.
_Line = tuple[str, str, Sequence[float]]


def tuning_page(tuning: Tuning) -> str:
    """Returns the page as HTML. It loads nothing."""
    sections = [
        Section("comparison", "The default and the best setting", _comparison(tuning)) if tuning.decision else None,
        Section("tried", "All settings that were tried", _tried(tuning), "Settings"),
        Section("skipped", "Not tried", _skipped(tuning)) if tuning.skipped else None,
    ]
    title = f"{tuning.model} version {tuning.version}"
    return page(title, kind="Tuning", lead=_lead(tuning), sections=[one for one in sections if one is not None])


def _lead(tuning: Tuning) -> Markup:
    verdict = tag("p", tag("strong", f"{tuning.verdict[0].upper()}{tuning.verdict[1:]}."))
    known = facts(
        [
            ("Signature", f"{tuning.signature} on {tuning.engine}"),
            ("Objective", str(tuning.objective)),
            ("Processors", str(tuning.processors)),
            ("Callers", ", ".join(map(str, tuning.callers))),
        ]
    )
    return joined((verdict, known))


def _comparison(tuning: Tuning) -> Markup:
    assert tuning.decision is not None
    callers = [str(number) for number in tuning.callers]
    default = [figures_of(tuning.default_turns, number) for number in tuning.callers]
    best = [figures_of(tuning.best_turns, number) for number in tuning.callers]

    def lines(name: str) -> list[_Line]:
        return [
            ("default", "train", [one[name] for one in default]),
            (str(tuning.best), "valid", [one[name] for one in best]),
        ]

    ratios = tuning.decision.ratios
    repeats = [str(number + 1) for number in range(len(ratios))]
    return joined(
        (
            _plot("Calls a second, by callers", callers, lines("calls_per_second")),
            _plot("95th percentile in milliseconds, by callers", callers, lines("p95_ms")),
            _plot("How many times as good as the default, in each repeat", repeats, [("ratio", "valid", ratios)], 1.0),
            _figures(tuning),
        )
    )


def _figures(tuning: Tuning) -> Markup:
    columns = [Column("Callers"), Column("Setting")]
    columns += [Column(name, numeric=True) for name in ("Calls a second", "p50, ms", "p95, ms", "p99, ms")]
    rows = []
    for number in tuning.callers:
        for name, turns in (("default", tuning.default_turns), (str(tuning.best), tuning.best_turns)):
            known = figures_of(turns, number)
            cells = [figure(f"{name}.{number}.{key}", value, decimal(value, 2)) for key, value in known.items()]
            rows.append([str(number), name, *cells])
    return table("Medians of all repeats", columns, rows, sortable=True)


def _tried(tuning: Tuning) -> Markup:
    if not tuning.trials:
        return tag("p", "No other setting could be tried.")
    columns = [Column("Setting"), Column("Property"), Column("Beside the best until then", numeric=True)]
    rows = (
        [
            str(one.setting),
            one.axis,
            figure("ratio", one.ratio, f"{one.ratio:.3f} times{', taken' if one.taken else ''}"),
            str(len(one.ratios)),
        ]
        for one in tuning.trials
    )
    return table("Settings", [*columns, Column("Rounds", numeric=True)], rows, sortable=True)


def _skipped(tuning: Tuning) -> Markup:
    return table("Not tried", [Column("Setting"), Column("Reason")], tuning.skipped)


def _plot(title: str, labels: Sequence[str], lines: Sequence[_Line], level: float | None = None) -> Markup:
    """Returns a chart with a line for each setting. `level`: the height of a line across."""
    ticks = nice_ticks(max(max(values) for _, _, values in lines))
    scale = ticks[-1]
    across = [] if level is None else [_level(level / scale)]
    parts = [
        horizontal_lines([(tick / scale, f"{tick:.6g}") for tick in ticks]),
        *across,
        stretched(*(tag("path", d=_path(values, scale), class_=f"line {kind}") for _, kind, values in lines)),
        *(dot for line in lines for dot in _dots(title, labels, line, scale)),
        *(below(_middle(index, len(labels)), label) for index, label in enumerate(labels)),
    ]
    told = "; ".join(f"{name}: {', '.join(map(significant, values))}" for name, _, values in lines)
    legend = tag("ul", *(_legend(name, kind) for name, kind, _ in lines), class_="legend", aria_hidden="true")
    return joined((chart(title, f"{title}. {told}", *parts), legend))


def _level(share: float) -> Markup:
    return tag("line", x1="0%", x2="100%", y1=place(1 - share), y2=place(1 - share), class_="best")


def _legend(name: str, kind: str) -> Markup:
    line = tag("line", x1="0", x2="26", y1="5", y2="5", class_=f"line {kind}")
    return tag("li", tag("svg", line, width="26", height="10"), name)


def _middle(index: int, count: int) -> float:
    return (index + 0.5) / count


def _path(values: Sequence[float], scale: float) -> str:
    points = (
        f"{_middle(index, len(values)) * 100:.2f} {(1 - value / scale) * 100:.2f}" for index, value in enumerate(values)
    )
    return "M" + " L".join(points)


def _dots(title: str, labels: Sequence[str], line: _Line, scale: float) -> Iterator[Markup]:
    name, kind, values = line
    for index, value in enumerate(values):
        yield tag(
            "circle",
            tag("title", f"{title}: {name}, {labels[index]}: {significant(value)}"),
            cx=place(_middle(index, len(values))),
            cy=place(1 - value / scale),
            r="3",
            class_=f"dot {kind}",
        )
