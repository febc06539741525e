"""Converts many floats to text at once. Each value gets a row of bytes, which is filled by columns from tables.

A row holds the text before the digits (`-0.00`), the digits in groups of three with the decimal point, the text after
the digits (`.0`, `e-05`), and the separator before the next value. Unused bytes are zero and are removed at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from lightship.transports.rest.writing.decimal_digits import SHORT, Array, Digits, Precision, digits_of

_PREFIX, _GROUP, _SUFFIX = 8, 4, 8  # bytes


class _Forms(NamedTuple):
    """Tables of the layout of a value, indexed by its sign, shortness, exponent and number of digits (see `_form`)."""

    prefix: Array
    suffix: Array
    groups: list[Array]  # for each group of three digits, the offset of its texts in `_group_texts`


def joined_text(values: Array, separators: Array, exactly: Callable[[float], str]) -> bytes:
    """Writes flat float32 or float64 values as text, each followed by its separator.

    `separators` holds bytes, either one per value or one for all. `exactly` writes a value for which the arithmetic is
    in doubt, including values that are not finite.
    """
    with np.errstate(all="ignore"):
        number = digits_of(values)
    precision = Precision.of(values)
    groups = _groups(number.digits, precision)
    forms = _forms(values.itemsize)
    form = _form(np.signbit(values), number, _significant(groups), precision)
    rows = np.empty(len(values), _row(len(groups), separators.dtype.itemsize))
    rows["prefix"] = forms.prefix[form]
    rows["suffix"] = forms.suffix[form]
    rows["separator"] = separators
    texts = _group_texts()
    for index, (group, begin) in enumerate(zip(groups, forms.groups, strict=True)):
        group += begin[form]
        rows[f"group{index}"] = texts[group]
    for index in np.flatnonzero(number.doubtful).tolist():
        rows["text"][index] = exactly(values[index].item()).encode()
    return rows.tobytes().translate(None, b"\0")


def _groups(digits: Array, precision: Precision) -> list[Array]:
    """Splits digits into groups of three, the first digits first. Zeros are appended to complete the last group."""
    count = -(-precision.digits // 3)
    rest = digits * 10 ** (3 * count - precision.digits)
    groups: list[Array] = []
    for place in range(count - 1, 0, -1):
        group = rest // 1000**place
        rest = rest - group * 1000**place
        groups.append(group)
    return [*groups, rest]


def _significant(groups: list[Array]) -> Array:
    """Returns the number of digits without trailing zeros."""
    by_group = _significant_of_three()
    count = by_group[groups[0]]
    for place, group in enumerate(groups[1:], 1):
        count = np.where(group, by_group[group] + 3 * place, count)
    return count


def _form(negative: Array, number: Digits, significant: Array, precision: Precision) -> Array:
    form = negative.astype(np.intp)
    form += form
    form += number.short
    form *= 2 * precision.most
    form += number.exponent
    form += precision.most
    form *= _most_digits(precision) + 1
    form += significant
    return form


def _most_digits(precision: Precision) -> int:
    return 3 * -(-precision.digits // 3)


@cache
def _row(groups: int, separator: int) -> np.dtype[Any]:
    fields: dict[str, tuple[str, int]] = {"prefix": ("u8", 0)}
    for index in range(groups):
        fields[f"group{index}"] = ("u4", _PREFIX + index * _GROUP)
    behind = _PREFIX + groups * _GROUP + _SUFFIX
    fields |= {
        "suffix": ("u8", behind - _SUFFIX),
        "separator": (f"S{separator}", behind),
        "text": (f"S{behind}", 0),
    }
    formats, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": behind + separator})


@cache
def _forms(itemsize: int) -> _Forms:
    precision = Precision.of(np.empty(0, f"f{itemsize}"))
    most = _most_digits(precision)
    laid_out = [
        _laid_out(sign, SHORT if short else precision.digits, exponent, significant)
        for sign in ("", "-")
        for short in (False, True)
        for exponent in range(-precision.most, precision.most)
        for significant in range(most + 1)
    ]
    prefix = np.array([form[0] for form in laid_out], f"S{_PREFIX}").view(np.uint64)
    suffix = np.array([form[1] for form in laid_out], f"S{_SUFFIX}").view(np.uint64)
    point, kept = (np.array([form[column] for form in laid_out], np.intp) for column in (2, 3))
    groups = []
    for first in range(0, most, 3):
        point_here = np.where((point > first) & (point <= first + 3), point - first, 0)
        groups.append((point_here * 4 + np.clip(kept - first, 0, 3)) * 1000)
    return _Forms(prefix, suffix, groups)


def _laid_out(sign: str, digits: int, exponent: int, significant: int) -> tuple[str, str, int, int]:
    """Lays out a value as C's `%g` does.

    Returns the text before the digits, the text after them, the position of the point (0 for no point), and the number
    of digits to show.
    """
    if -4 <= exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}", "", 0, significant
    if 0 <= exponent < digits:
        if significant <= exponent + 1:
            return sign, ".0", 0, exponent + 1
        return sign, "", exponent + 1, significant
    return sign, f"e{exponent:+03d}", int(significant > 1), max(significant, 1)


@cache
def _group_texts() -> Array:
    """Returns the 4-byte texts of 0 to 999.

    They are indexed by the position of the point (0 for no point, else 1 to 3) and by the number of digits to show.
    """
    number = np.arange(1000)
    digits = [ord("0") + number // 100, ord("0") + number // 10 % 10, ord("0") + number % 10]
    texts = np.zeros((4, 4, 1000, _GROUP), np.uint8)
    for point in range(4):
        for shown in range(4):
            columns = digits[:shown]
            if 0 < point <= shown:
                columns = [*columns[:point], np.full(1000, ord(".")), *columns[point:]]
            for column, values in enumerate(columns):
                texts[point, shown, :, column] = values
    return texts.reshape(-1, _GROUP).view(np.uint32).reshape(-1)


@cache
def _significant_of_three() -> Array:
    return np.array([len(f"{number:03d}".rstrip("0")) for number in range(1000)], np.intp)
