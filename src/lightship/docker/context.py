"""The tar that is sent to the engine for a build. The same files always give the same bytes."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.files import read_error

# Seconds since 1970. This is 1 January 1980, the earliest time that all archive formats can store.
EARLIEST = 315532800
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One file or folder of the context. A folder has neither content nor source."""

    name: str
    """The path with `/`, but not at the end."""

    size: int = 0
    """Bytes."""

    content: bytes | None = None
    """The bytes of a file that is only in memory."""

    source: Path | None = None
    """Where the file is read from."""

    @property
    def is_folder(self) -> bool:
        return self.content is None and self.source is None


def source_date(environment: Mapping[str, str] = os.environ) -> int:
    """The time of every file in the image: SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch),
    by default 1980. Raises InvalidArgument if it is not a whole number."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EARLIEST
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise InvalidArgument(f"SOURCE_DATE_EPOCH is {text!r}: give whole seconds since 1970, or leave it out")
    return int(text)


class Context:
    """The tar of a build. It is made while it is sent, so that only a piece of one file is in memory.

    mtime: the time of all files, seconds since 1970. They belong to root and are readable by everyone.
    sent: is called with the number of bytes sent so far.
    """

    def __init__(
        self, entries: Sequence[ContextEntry], mtime: int, sent: Callable[[int], None] = lambda size: None
    ) -> None:
        self.entries, self.mtime, self._sent = tuple(entries), mtime, sent

    def __iter__(self) -> Iterator[bytes]:
        """Raises FailedPrecondition for a file that changed since it was listed, PermissionDenied for one that cannot
        be read."""
        total = 0
        for entry in self.entries:
            yield self._header(entry)
            for piece in _pieces(entry):
                yield piece
                total += len(piece)
                self._sent(total)
            yield bytes(-entry.size % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)

    def close(self) -> None:
        """Does nothing; HTTP libraries call it as of a file."""

    def _header(self, entry: ContextEntry) -> bytes:
        info = tarfile.TarInfo(entry.name)
        info.type = tarfile.DIRTYPE if entry.is_folder else tarfile.REGTYPE
        info.mode = 0o755 if entry.is_folder else 0o644
        info.size, info.mtime = entry.size, self.mtime
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _pieces(entry: ContextEntry) -> Iterator[bytes]:
    if entry.content is not None:
        yield entry.content
    elif entry.source is not None:
        yield from _file_pieces(entry.source, entry.size)


def _file_pieces(path: Path, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes, because the header with the size has already been sent."""
    left = size
    try:
        with path.open("rb") as file:
            while left and (piece := file.read(min(left, _CHUNK))):
                yield piece
                left -= len(piece)
            grown = file.read(1)
    except PermissionError as error:
        raise read_error(path, error) from error
    except OSError as error:
        raise FailedPrecondition(f"{path} disappeared while the image was built: build again") from error
    if left or grown:
        raise FailedPrecondition(f"{path} changed while the image was built: build again when it is completely written")
