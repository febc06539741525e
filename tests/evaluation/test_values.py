"""Figures are written as a reader expects them."""

from __future__ import annotations

import pytest

from lightship.evaluation.page.values import significant


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.25, "0.25"), (9.6581, "9.658"), (104.23, "104.2"), (1234.5, "1,234"), (12_340.0, "12,340"), (1e6, "1,000,000")],
)
def test_a_large_number_has_no_exponent(value: float, shown: str) -> None:
    assert significant(value) == shown
