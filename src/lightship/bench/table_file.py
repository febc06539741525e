"""The rows as a CSV file."""

from __future__ import annotations

import csv
import io

from lightship.bench.measured import Measured, row_fields

# A cell that begins with one of these would be a formula for a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def bench_csv(measured: Measured) -> str:
    """Returns a line for each row below one with the names. Errors are `name: count`, separated by `; `."""
    rows = [row_fields(row) for row in measured.rows]
    for row in rows:
        row["errors"] = "; ".join(f"{name}: {count}" for name, count in row["errors"].items())
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _plain(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
