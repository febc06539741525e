"""Computes the decimal digits of many floats at once in numpy, and marks the values for which they may be wrong.

Each value is scaled by a power of ten to an integer of 9 digits (float32, in doubles) or 17 digits (float64, in sums of
two doubles) and rounded. If the small error of the scaling could change the result, the value is marked as doubtful.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

SHORT = 6  # digits of C's `%g`
_NEAR = 1e-6  # distance to a tie, or relative distance to the limit of a rounding interval; errors are smaller
_SPLITTER = float((1 << 27) + 1)  # splits a double's digits into two halves


class Digits(NamedTuple):
    """The decimal digits of each value of a float array, for writing the values as JSON."""

    # The digits of each value as an integer of `Precision.digits` digits, or 0.
    digits: Array
    # The power of ten of the first digit.
    exponent: Array
    # Whether the first six digits read back as the value. The other digits are then zeros.
    short: Array
    # Whether the other fields may be wrong for this value.
    doubtful: Array


class Precision(NamedTuple):
    """A binary format: its layout, the digits that distinguish its values, and the supported powers of ten."""

    bits: type[np.unsignedinteger[Any]]
    fraction: int  # bits
    bias: int
    digits: int
    most: int  # the power of ten of the first digit must lie within -most and most, else values are doubtful

    @classmethod
    def of(cls, values: Array) -> Precision:
        return _PRECISIONS[values.itemsize]


_PRECISIONS = {4: Precision(np.uint32, 23, 127, 9, 40), 8: Precision(np.uint64, 52, 1023, 17, 260)}


class _Fields(NamedTuple):
    """Tables that are indexed by the exponent field of a format."""

    exponent: Array  # the power of ten for the power of two
    above: Array  # the next power of ten
    half: Array  # half of the distance between neighbouring values
    regular: Array


class _Powers(NamedTuple):
    """Powers of ten as sums of two doubles. The first double is also split into halves. `one` is the index of 10**0."""

    one: int
    first: Array
    second: Array
    upper: Array
    lower: Array


def digits_of(values: Array) -> Digits:
    """Returns the digits of flat float32 or float64 values."""
    precision = Precision.of(values)
    fields = _fields(values.itemsize)
    bits = values.view(precision.bits)
    field = (bits >> precision.bits(precision.fraction)).astype(np.intp) & (len(fields.half) - 1)
    size = np.abs(values).astype(np.float64, copy=False)
    regular = fields.regular[field]
    if all_regular := bool(regular.all()):
        zero = None
    else:
        zero = size == 0
        size, field = np.where(regular, size, 1.0), np.where(regular, field, precision.bias)
    exponent = fields.exponent[field]
    exponent += size >= fields.above[field]
    digits, rest, six, beside, scale = _SCALED[values.itemsize](size, exponent)
    half = fields.half[field] * scale
    short = beside < half * (1 - _NEAR)
    doubtful = (np.abs(rest) > 0.5 - _NEAR) & ~short
    doubtful |= (beside <= half * (1 + _NEAR)) & ~short
    power_of_two = (bits & precision.bits((1 << precision.fraction) - 1)) == 0  # its lower neighbour is closer
    doubtful |= power_of_two & (beside > half * (0.5 - _NEAR)) & (beside <= half * (1 + _NEAR))
    digits = np.where(short, six, digits)
    carried = digits >= 10**precision.digits
    if carried.any():
        digits[carried] //= 10
        exponent += carried
    if zero is not None and not all_regular:
        digits[zero], exponent[zero], short[zero] = 0, 0, True
        doubtful |= ~(regular | zero)
    return Digits(digits, exponent, short, doubtful)


def _scaled_singles(size: Array, exponent: Array) -> Sequence[Array]:
    """Returns the digits of float32 values in five arrays.

    These are the nine-digit integers, their rounding errors, the six-digit integers times 1000, the magnitudes of their
    rounding errors, and the factors that scaled the values to six digits.
    """
    powers = _powers()
    index = (powers.one + SHORT - 1) - exponent
    scale = powers.first[index]
    scaled = size * scale
    six = np.rint(scaled)
    fine = size * powers.first[index + 3]
    digits = np.rint(fine)
    return digits.astype(np.int64), fine - digits, six.astype(np.int64) * 1000, np.abs(scaled - six), scale


def _scaled_doubles(size: Array, exponent: Array) -> Sequence[Array]:
    """Returns the same for float64 values, with 17 digits instead of nine.

    The six-digit integers are multiplied by 10**11. Their errors and the factors are those of 17 digits.

    Products are exact sums of two doubles (T. J. Dekker).
    """
    powers = _powers()
    index = (powers.one + 16) - exponent
    six = np.rint(size * powers.first[index - 11])
    scale, upper, lower = powers.first[index], powers.upper[index], powers.lower[index]
    large = size * _SPLITTER
    left = large - (large - size)
    right = size - left
    whole = size * scale  # an integer, because it is larger than 2**53
    rest = ((left * upper - whole) + left * lower + right * upper) + right * lower + size * powers.second[index]
    rounded = np.rint(rest)
    digits = whole.astype(np.int64) + rounded.astype(np.int64)
    beside = np.abs((whole - six * 1e11) + rest)
    return digits, rest - rounded, six.astype(np.int64) * 10**11, beside, scale


_SCALED = {4: _scaled_singles, 8: _scaled_doubles}


@cache
def _fields(itemsize: int) -> _Fields:
    precision = _PRECISIONS[itemsize]
    count = 2 * (precision.bias + 1)
    exponent, above, half = np.zeros(count, np.intp), np.zeros(count), np.zeros(count)
    regular = np.zeros(count, np.bool_)
    for field in range(1, count - 1):
        two = field - precision.bias
        ten = _power_of_ten_below(two)
        regular[field] = -precision.most < ten < precision.most - 1
        if regular[field]:
            exponent[field], above[field], half[field] = (
                ten,
                float(f"1e{ten + 1}"),
                2.0 ** (two - precision.fraction - 1),
            )
    return _Fields(exponent, above, half, regular)


def _power_of_ten_below(two: int) -> int:
    """Returns the exponent of the largest power of ten that is at most 2**two."""
    return len(str(1 << two)) - 1 if two >= 0 else len(str(5**-two)) - 1 + two


@cache
def _powers() -> _Powers:
    most = _PRECISIONS[8].most + 20
    exact = [Fraction(10) ** power for power in range(-most, most + 1)]
    first = np.array([float(power) for power in exact])
    second = np.array([float(power - Fraction(float(power))) for power in exact])
    large = first * _SPLITTER
    upper = large - (large - first)
    return _Powers(most, first, second, upper, first - upper)
