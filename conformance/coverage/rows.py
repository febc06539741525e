"""All rows of the table."""

from __future__ import annotations

from conformance.coverage import images, older, sequences, tabular, text
from conformance.coverage.row import Row


def all_rows() -> list[Row]:
    return [row for module in (text, tabular, sequences, images, older) for row in module.rows()]
