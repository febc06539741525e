"""CRC-32C checksums as TensorFlow's files hold them."""

from __future__ import annotations

from collections.abc import Iterable

import google_crc32c

_MASK_DELTA = 0xA282EAD8


def crc32c(pieces: Iterable[bytes], checksum: int = 0) -> int:
    """Returns the CRC-32C of the pieces one after the other, after data that has the CRC-32C `checksum`."""
    for piece in pieces:
        checksum = google_crc32c.extend(checksum, piece)
    return checksum


def masked(checksum: int) -> int:
    """Returns a checksum as it is stored. It is masked because the data that it covers may contain checksums too."""
    return ((checksum >> 15 | checksum << 17) + _MASK_DELTA) & 0xFFFFFFFF
