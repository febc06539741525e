"""Prints the result of `lightship tune`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightship.cli.output import add_row, print_styled, print_text

if TYPE_CHECKING:
    from rich.table import Table

    from lightship.tuning import Tuning


def print_tuning(tuning: Tuning) -> None:
    """Prints the settings that were tried, the comparison with the default, and the verdict."""
    processors = f"{tuning.processors} {'processor' if tuning.processors == 1 else 'processors'}"
    print_text(
        f"{tuning.path}: model {tuning.model}, version {tuning.version}, signature {tuning.signature} on "
        f"{tuning.engine}, {processors}, for {tuning.objective}"
    )
    if tuning.trials:
        print_styled(_tried(tuning))
    for setting, reason in tuning.skipped:
        print_text(f"not tried: {setting}: {reason}")
    if tuning.decision is not None:
        print_text("")
        print_styled(_comparison(tuning))
    print_text(f"{tuning.verdict[0].upper()}{tuning.verdict[1:]}")
    print_text(_kept(tuning))


def _kept(tuning: Tuning) -> str:
    if tuning.kept is not None:
        return f"Kept for this host in {tuning.kept}; `lightship serve` loads the model with it"
    return "Nothing is kept: a server loads the model with the default"


def _tried(tuning: Tuning) -> Table:
    table = _table(("Property", "Setting"), ("Ratio", "Rounds", ""))
    for one in tuning.trials:
        taken = "taken" if one.taken else ""
        add_row(table, one.axis, str(one.setting), f"{one.ratio:.3f}", str(len(one.ratios)), taken)
    return table


def _comparison(tuning: Tuning) -> Table:
    from lightship.evaluation.page.values import significant
    from lightship.tuning.result import figures_of

    table = _table(("Callers", "Setting"), ("Calls/s", "p50 ms", "p95 ms", "p99 ms"))
    for number in tuning.callers:
        for name, turns in (("default", tuning.default_turns), (str(tuning.best), tuning.best_turns)):
            figures = figures_of(turns, number)
            add_row(table, str(number), name, *map(significant, figures.values()))
    return table


def _table(left: tuple[str, ...], right: tuple[str, ...]) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in left:
        table.add_column(name, overflow="fold", no_wrap=name != "Setting")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
