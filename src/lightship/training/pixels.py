"""The pixels of photos as they are before preprocessing, kept in memory where they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.datasets.reading import MAX_PHOTO_BYTES
from lightship.errors import LightshipError
from lightship.files import read_regular
from lightship.images.prepare import prepare
from lightship.images.preprocessing import Preprocessing
from lightship.images.spec import ImageSpec
from lightship.memory import available_memory

_MAX_CACHE_BYTES = 1 << 30


def default_cache_bytes() -> int:
    """Returns an eighth of the memory that this process may use, at most 1 GiB."""
    return min(_MAX_CACHE_BYTES, available_memory() // 8)


class PhotoPixels:
    """Decodes and resizes photos as a server does. May be used by several threads at once.

    Photos are kept as long as they take no more than `cache_bytes` together, `default_cache_bytes()` by default, so
    that further epochs need not decode them again.
    """

    def __init__(self, paths: Sequence[Path], spec: ImageSpec, cache_bytes: int | None = None) -> None:
        self.paths, self.spec = tuple(paths), spec
        self._resize_only = replace(spec, preprocessing=Preprocessing.named("none"))
        self._cached: dict[int, NDArray[Any]] = {}
        self._left, self._lock = default_cache_bytes() if cache_bytes is None else cache_bytes, Lock()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Returns the pixels of a photo, 0..255, [height, width, channels], uint8 or float32. Do not change them.

        Raises the errors of `prepare` and of `read_regular`, with the path of the photo.
        """
        found = self._cached.get(index)
        if found is None:
            found = self._read(self.paths[index])
            with self._lock:
                if index not in self._cached and found.nbytes <= self._left:
                    self._left -= found.nbytes
                    self._cached[index] = found
        return found

    def _read(self, path: Path) -> NDArray[Any]:
        data = read_regular(path, MAX_PHOTO_BYTES)
        try:
            pixels = prepare(data, self._resize_only)
        except LightshipError as error:
            raise type(error)(f"{path}: {error.message}") from error
        # Pillow gives whole numbers, which take a quarter of the memory so.
        return pixels.astype(np.uint8) if self.spec.family == "pillow" else pixels
