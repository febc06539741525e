"""Reads photos completely, to find those that cannot be decoded and duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lightship.errors import LightshipError
from lightship.files import read_regular
from lightship.images.decode import load
from lightship.images.opening import open_image
from lightship.processors import available_cpus

MAX_PHOTO_BYTES = 256 << 20
_AT_ONCE = 256  # photos that are given to the threads together

# Is called with how many photos were read, and how many there are.
OnRead = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class PhotoRead:
    """What reading a photo has found: a digest of its bytes, or why it cannot be used."""

    digest: bytes = b""
    reason: str = ""


def read_photos(paths: Sequence[Path], on_read: OnRead | None = None) -> Iterator[PhotoRead]:
    """Decodes photos on several threads, and yields what was found in each, in their order."""
    threads = ThreadPoolExecutor(available_cpus(), "read-photos")
    try:
        done = 0
        for start in range(0, len(paths), _AT_ONCE):
            for found in threads.map(read_photo, paths[start : start + _AT_ONCE]):
                done += 1
                if on_read is not None:
                    on_read(done, len(paths))
                yield found
    finally:
        threads.shutdown(cancel_futures=True)  # Ctrl-C does not wait for photos that no thread has begun with


def read_photo(path: Path) -> PhotoRead:
    """Decodes one photo."""
    try:
        data = read_regular(path, MAX_PHOTO_BYTES)
        load(open_image(data))
    except LightshipError as error:
        return PhotoRead(reason=error.message.removeprefix(f"{path} "))
    except MemoryError:
        return PhotoRead(reason="there is not enough memory to decode it")
    return PhotoRead(hashlib.sha256(data).digest())
