"""The page docs/reference/coverage.md: what it says of each row, and how it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from conformance.coverage.asking import Found
from conformance.coverage.row import Row

PAGE = Path(__file__).parents[2] / "docs/reference/coverage.md"

_BEGIN, _END = "<!-- the table: begin -->", "<!-- the table: end -->"
_HEAD = "| model | runs on | without TensorFlow | OpenVINO | TensorFlow |\n|---|---|---|---|---|"
_NAMES = {"lightship": "Python", "openvino": "OpenVINO", "tensorflow": "TensorFlow"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says of a row, besides times."""

    engine: str
    without_tensorflow: str


def said_of(auto: Found, hidden: Found) -> Said:
    """Returns what the page must say of a row. `hidden` is what was found in a process without TensorFlow."""
    engines = [_NAMES[name] for name in auto.engine.split("+") if name]
    return Said(" and ".join(engines) + _because(auto), "no" if hidden.error else "yes")


def _because(found: Found) -> str:
    if found.engine == "openvino":
        return "" if "Python" not in found.reason else " with Python"
    operation, _, rest = found.reason.partition(" ")
    if "not proven" in rest or "by TensorFlow only" in rest or "without TensorFlow" in rest:
        named = rest.partition("of these types (")[2].partition(")")[0]
        types = ", ".join(sorted(named.split(", ")))  # a graph has them in any order
        return f": `{operation}`" + (f" ({types})" if types else "")
    if found.engine == "lightship":
        return ""
    return ": strings" if "type string" in rest else f": {found.reason}"


def read_page() -> dict[str, Said]:
    """Returns what the page says, by the name of the row."""
    table = PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {cells[0]: Said(cells[1], cells[2]) for cells in lines if cells[0] != "model"}


def write_page(rows: Iterable[Row], said: Mapping[str, Said], times: Mapping[str, tuple[str, str]]) -> None:
    """Replaces the table in the page. `times` are those of a run on OpenVINO and on TensorFlow, by the row's name."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    after = rest.partition(_END)[2]
    PAGE.write_text(before + _BEGIN + "\n" + _table(rows, said, times) + _END + after)


def _table(rows: Iterable[Row], said: Mapping[str, Said], times: Mapping[str, tuple[str, str]]) -> str:
    text = ""
    for group, members in groupby(rows, lambda row: row.group):
        text += f"\n## {group}\n\n{_HEAD}\n"
        for row in members:
            one = said[row.name]
            text += f"| {row.name} | {one.engine} | {one.without_tensorflow} | {' | '.join(times[row.name])} |\n"
    return text + "\n"


def shown(seconds: float | None) -> str:
    """Returns a time in milliseconds, with two digits that count."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.2g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
