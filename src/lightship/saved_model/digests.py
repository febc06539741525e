"""The digests of a version's files, each read once as long as the file does not change."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from lightship.pauses import PAUSES
from lightship.priority import at_low_priority
from lightship.saved_model.version_files import open_file

# A file that was written later than this before it was read may be written again without a new time.
_COARSE_CLOCK = 2_000_000_000  # nanoseconds
_PIECE = 1 << 20  # bytes
_LARGE = 4 << 20  # bytes; a smaller file takes a few milliseconds


class FileDigest(NamedTuple):
    """The size of a file in bytes, and its sha256 in hexadecimal."""

    size: int
    sha256: str


class Digests:
    """Reads files of a version folder for their digests, and remembers these. Several threads may use it.

    A digest is used again only if the file's identity, size and times are those it had before it was read.

    unchanging: the digests, by path, of files that nobody changes, which are not read for them.
    """

    def __init__(
        self,
        folder: Path,
        unchanging: Mapping[str, FileDigest] = MappingProxyType({}),
        *,
        low_priority: bool = False,
    ) -> None:
        """`low_priority`: large files are read at low priority."""
        self.folder, self._unchanging = folder, unchanging
        self._low_priority = low_priority
        self._known: dict[str, tuple[tuple[int, ...], FileDigest]] = {}

    def known(self, name: str) -> FileDigest | None:
        """Returns the digest of a file if it was read for it before, and not changed since then; reads nothing."""
        if name in self._unchanging:
            return self._unchanging[name]
        known = self._known.get(name)
        try:
            return known[1] if known is not None and known[0] == _identity(os.stat(self.folder / name)) else None
        except OSError:
            return None

    def of(self, name: str) -> FileDigest:
        """Returns the digest of a file by its path in the folder. Raises the errors of `open_file`, and OSError."""
        if name in self._unchanging:
            return self._unchanging[name]
        known = self._known.get(name)
        if known is not None and known[0] == _identity(os.stat(self.folder / name)):
            return known[1]
        with open_file(self.folder / name) as file:
            before = os.fstat(file.fileno())
            compute = partial(sha256_of, file)
            low = self._low_priority and before.st_size >= _LARGE
            sha256 = at_low_priority(compute) if low else compute()
            digest = FileDigest(file.tell(), sha256)
            if _is_old(before) and _identity(before) == _identity(os.fstat(file.fileno())):
                self._known[name] = _identity(before), digest
        return digest


def sha256_of(file: io.BufferedIOBase) -> str:
    """Returns the sha256 of a file in hexadecimal. At low priority, reading pauses while a model runs."""
    digest = hashlib.sha256(first := file.read(_PIECE))
    if len(first) == _PIECE:
        buffer = memoryview(bytearray(_PIECE))
        with PAUSES.between_pieces() as wait:
            while True:
                wait()
                if not (count := file.readinto(buffer)):
                    break
                digest.update(buffer[:count])
    return digest.hexdigest()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _is_old(status: os.stat_result) -> bool:
    return max(status.st_mtime_ns, status.st_ctime_ns) < time.time_ns() - _COARSE_CLOCK
