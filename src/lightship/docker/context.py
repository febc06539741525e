"""What is sent to the engine for a build: a tar that is the same, byte for byte, whenever the files are the same."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.files import read_error

# Seconds since 1970: the first moment that every archive format knows, 1 January 1980.
EARLIEST = 315532800
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One file or folder of the context. name: with `/`, without one at the end. size: bytes. A folder has neither
    content nor source."""

    name: str
    size: int = 0
    content: bytes | None = None
    source: Path | None = None

    @property
    def is_folder(self) -> bool:
        return self.content is None and self.source is None


def source_date(environment: Mapping[str, str] = os.environ) -> int:
    """The time of every file in the image: SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch),
    by default 1980. Raises InvalidArgument for what is no number of seconds."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EARLIEST
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise InvalidArgument(f"SOURCE_DATE_EPOCH is {text!r}: give whole seconds since 1970, or leave it out")
    return int(text)


class Context:
    """The tar of a build, made while it is sent: no more than a piece of one file is in memory.

    All files are root's, readable by everyone, and of the time `mtime`, seconds since 1970.
    sent: is told the bytes of files sent so far.
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
        """As files have it; there is nothing to close."""

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
    """Exactly `size` bytes: the header has said so already."""
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
        raise FailedPrecondition(f"{path} went away while the image was built: build again") from error
    if left or grown:
        raise FailedPrecondition(f"{path} changed while the image was built: build again when it is written whole")
