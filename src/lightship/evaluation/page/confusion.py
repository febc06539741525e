"""Which classes are taken for which: the whole matrix of a few classes, the most frequent pairs of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.evaluation.page.markup import Markup, joined, tag
from lightship.evaluation.page.tables import Column, scrolled, table
from lightship.evaluation.page.values import count, exact, figure, percent

MAX_MATRIX_CLASSES = 25
MAX_PAIRS = 40
_SHADES = 10  # of a cell, by its share of its row


def confusion_matrix(classes: Sequence[str], confusion: NDArray[Any]) -> Markup:
    """Returns the matrix as a table: rows are the labels, columns the answers. The shades are shares of a row.

    confusion: integers [classes, classes].
    """
    names = (tag("th", tag("span", name), scope="col", title=name) for name in classes)
    head = tag("tr", tag("td", tag("span", "label ↓ answer →", class_="quiet")), *names)
    rows = (_row(classes[index], index, row) for index, row in enumerate(confusion))
    matrix = tag("table", tag("thead", head), tag("tbody", *rows), class_="matrix")
    return scrolled("Confusion matrix", matrix)


def _row(name: str, index: int, row: NDArray[Any]) -> Markup:
    total = max(1, int(row.sum()))
    cells = (_cell(index, column, int(value), total) for column, value in enumerate(row))
    return tag("tr", tag("th", tag("span", name), scope="row", title=name), *cells)


def _cell(row: int, column: int, value: int, total: int) -> Markup:
    shade = -(-value * _SHADES // total)  # rounded up, so that only 0 has none
    kind = "right" if row == column else "wrong"
    return tag(
        "td",
        count(value) if value else "",
        class_=f"{kind} shade-{shade}" if value else None,
        data_figure=f"confusion.{row}.{column}",
        data_value=exact(value),
    )


def confusion_pairs(classes: Sequence[str], confusion: NDArray[Any], limit: int = MAX_PAIRS) -> Markup:
    """Returns a table of the pairs of a label and a wrong answer that occur most often, at most `limit`."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = [(int(row), int(column)) for row, column in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    rows = [_pair(classes, confusion, row, column) for row, column in pairs if wrong[row, column]]
    if not rows:
        return tag("p", "No photo got a wrong answer.")
    columns = [Column("Label"), Column("Answer"), Column("Photos", numeric=True), Column("Of label", numeric=True)]
    return joined(
        (
            tag("p", _shown(len(rows), int((wrong > 0).sum())), class_="quiet"),
            table("Labels and the wrong answers given for them", columns, rows, sortable=True),
        )
    )


def _shown(rows: int, pairs: int) -> str:
    if rows == pairs:
        return "All pairs of a label and a wrong answer, the most frequent first."
    return f"The {rows} most frequent of {pairs:,} pairs of a label and a wrong answer."


def _pair(classes: Sequence[str], confusion: NDArray[Any], row: int, column: int) -> list[object]:
    photos = int(confusion[row, column])
    share = photos / int(confusion[row].sum())
    return [
        classes[row],
        classes[column],
        figure(f"confused.{row}.{column}", photos, count(photos)),
        figure(f"confused.{row}.{column}.share", share, percent(share)),
    ]
