"""Parses sizes in bytes, with or without a unit, such as 512MiB."""

from __future__ import annotations

import re

from lightship.errors import InvalidArgument

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parse_bytes(text: str, option: str = "") -> int:
    """Returns the number of bytes of a size such as 512MiB, 2G or 1000000. Raises InvalidArgument.

    K, M, G and T are powers of 1024. `option` is named in the error.
    """
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size < 1:
        where = f"{option}: " if option else ""
        raise InvalidArgument(f"{where}{text!r} is not a size: give a number of bytes, or one such as 512MiB or 2GiB")
    return size
