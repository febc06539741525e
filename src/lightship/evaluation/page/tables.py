"""Tables, which a reader with scripts can sort by any column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightship.evaluation.page.markup import Markup, tag


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `numeric`: its cells hold figures, and are aligned at the right."""

    title: str
    numeric: bool = False


def table(
    caption: str, columns: Sequence[Column], rows: Iterable[Sequence[object]], *, sortable: bool = False
) -> Markup:
    """Returns a table, which scrolls within its frame if it is too wide or too high.

    rows: the cells of each row, texts or `Markup`; the first one names the row. A column is sorted by the values of
        its figures (`values.figure`), and by its texts without these.
    """
    head = tag("tr", *(tag("th", one.title, scope="col", class_=_kind(one)) for one in columns))
    body = (_row(columns, row) for row in rows)
    return scrolled(
        caption,
        tag(
            "table",
            tag("caption", caption, class_="unseen"),
            tag("thead", head),
            tag("tbody", *body),
            data_sortable=sortable,
        ),
    )


def scrolled(label: str, content: Markup) -> Markup:
    """Returns a frame in which wide or high content scrolls, by the keyboard too."""
    return tag("div", content, class_="scroll", role="region", aria_label=label, tabindex="0")


def _row(columns: Sequence[Column], row: Sequence[object]) -> Markup:
    first, *others = row
    cells = (tag("td", cell, class_=_kind(column)) for column, cell in zip(columns[1:], others, strict=True))
    return tag("tr", tag("th", first, scope="row", class_=_kind(columns[0])), *cells)


def _kind(column: Column) -> str | None:
    return "number" if column.numeric else None
