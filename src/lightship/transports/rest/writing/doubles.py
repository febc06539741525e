"""Writes doubles as RapidJSON does in an error message: the digits of Grisu2, as in `100.0`, `1e30` or `1.5e-9`.

The digits always read back as the same double. They are nearly always the shortest, but not always the closest of the
shortest: 2**64 is written as 18446744073709553000.0. Method: F. Loitsch, "Printing Floating-Point Numbers Quickly and
Accurately with Integers" (2010), with RapidJSON's step between powers of ten and its limit on the last rounding.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from typing import NamedTuple

_WORD = 1 << 64
_HIDDEN = 1 << 52  # the implicit leading bit of a double's significand
_FRACTION = _HIDDEN - 1
_SMALLEST_POWER, _STEP = -348, 8  # powers of ten in RapidJSON's table
_MAX_ROUNDED = 8  # digits after the integral part; if there are more, the last digit is not corrected


class _Float(NamedTuple):
    """The number `significand * 2**exponent`."""

    significand: int
    exponent: int

    def normalized(self) -> _Float:
        shift = 64 - self.significand.bit_length()
        return _Float(self.significand << shift, self.exponent - shift)

    def times(self, other: _Float) -> _Float:
        """Returns the upper 64 bits of the product, rounded."""
        product = self.significand * other.significand
        return _Float((product + (_WORD >> 1)) >> 64, self.exponent + other.exponent + 64)


def double_text(number: float) -> str:
    """Returns the text of a finite double."""
    sign = "-" if math.copysign(1, number) < 0 else ""
    if number == 0:
        return f"{sign}0.0"
    digits, exponent = _digits(abs(number))
    return sign + _layout(digits, len(digits) + exponent)


def _layout(digits: str, point: int) -> str:
    """Returns digits with a decimal point before the digit at `point`, or with an exponent if that would be long."""
    if 0 < point <= 21:
        return f"{digits[:point].ljust(point, '0')}.{digits[point:] or '0'}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1}"


def _digits(number: float) -> tuple[str, int]:
    """Returns the decimal digits and the power of ten of the last one."""
    value = _exactly(number)
    lower, upper = _boundaries(value)
    power, exponent = _power_for(upper.exponent)
    low, high = lower.times(power), upper.times(power)
    width = (high.significand - 1) - (low.significand + 1)
    top = _Float(high.significand - 1, high.exponent)
    digits, dropped = _generated(top, width, top.significand - value.normalized().times(power).significand)
    return digits, dropped - exponent


def _exactly(number: float) -> _Float:
    bits = int.from_bytes(struct.pack(">d", number), "big")
    exponent, fraction = bits >> 52, bits & _FRACTION
    return _Float(fraction + (_HIDDEN if exponent else 0), max(exponent, 1) - 1075)


def _boundaries(value: _Float) -> tuple[_Float, _Float]:
    """Returns the midpoints to the two neighbours. The lower neighbour of a power of two is closer."""
    upper = _Float(2 * value.significand + 1, value.exponent - 1).normalized()
    nearer = value.significand == _HIDDEN
    below = 4 * value.significand - 1 if nearer else 2 * value.significand - 1
    exponent = value.exponent - (2 if nearer else 1)
    return _Float(below << (exponent - upper.exponent), upper.exponent), upper


def _power_for(exponent: int) -> tuple[_Float, int]:
    """Returns a power of ten that scales a 64-bit number with this exponent to about 32 integral bits."""
    steps = (math.ceil((-61 - exponent) * 0.30102999566398114 + 347) >> 3) + 1
    power = _SMALLEST_POWER + _STEP * steps
    return _power(power), power


@cache
def _power(exponent: int) -> _Float:
    """Returns 10**exponent, rounded to 64 bits."""
    if exponent >= 0:
        exact, scale = 10**exponent, 0
    else:
        scale = 64 + (10**-exponent).bit_length()
        exact = (1 << (scale + 64)) // 10**-exponent
        scale += 64
    extra = exact.bit_length() - 64
    if extra <= 0:
        return _Float(exact << -extra, extra - scale)
    return _Float((exact + (1 << (extra - 1))) >> extra, extra - scale)


def _generated(top: _Float, width: int, distance: int) -> tuple[str, int]:
    """Returns the fewest digits that are less than `width` below `top`.

    The last digit is corrected towards the value, which is `distance` below `top`.
    """
    shift = -top.exponent
    one = 1 << shift
    integral, rest = top.significand >> shift, top.significand & (one - 1)
    digits = str(integral)
    for dropped in range(len(digits) - 1, -1, -1):
        below = ((integral % 10**dropped) << shift) + rest
        if below <= width:
            kept = int(digits[: len(digits) - dropped])
            return _drawn(kept, width, below, 10**dropped << shift, distance), dropped
    fraction = 0
    kept = integral
    while True:
        fraction += 1
        rest, width = rest * 10, width * 10
        kept, rest = kept * 10 + (rest >> shift), rest & (one - 1)
        if rest < width:
            scaled = distance * 10**fraction if fraction <= _MAX_ROUNDED else 0
            return _drawn(kept, width, rest, one, scaled), -fraction


def _drawn(digits: int, width: int, below: int, unit: int, distance: int) -> str:
    """Lowers the last digit as long as that is closer to the value."""
    while (
        below < distance
        and width - below >= unit
        and (below + unit < distance or distance - below > below + unit - distance)
    ):
        digits -= 1
        below += unit
    return str(digits)
