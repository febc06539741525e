"""The photos of one call: what may be given, and what an error says about the photo that it is about."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from lightship.client.arguments import MAX_CONCURRENCY
from lightship.errors import InvalidArgument, LightshipError

if TYPE_CHECKING:
    from lightship.client.photos import Photo

T = TypeVar("T")
OnError = Literal["raise", "return"]
_ON_ERROR = ("raise", "return")


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A photo and its position in the list."""

    index: int
    photo: Photo

    def name_in(self, error: Exception) -> None:
        """Puts the position, and the path if the photo is a file, in front of the error's message."""
        path = str(self.photo) if isinstance(self.photo, (str, os.PathLike)) else None
        if not isinstance(error, LightshipError):
            error.add_note(self._named(path))
            return
        shown = path if path is not None and path not in error.message else None
        error.reword(f"{self._named(shown)}: {error.message}")

    def _named(self, path: str | None) -> str:
        return f"photos[{self.index}]" + (f" ({path})" if path is not None else "")


def check_options(concurrency: int, on_error: str) -> None:
    """Raises InvalidArgument for options that `classify_images` and `explain_images` do not have."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or not 1 <= concurrency <= MAX_CONCURRENCY:
        raise InvalidArgument(f"concurrency is {concurrency!r}; give a whole number from 1 to {MAX_CONCURRENCY}")
    check_on_error(on_error)


def check_on_error(on_error: str) -> None:
    """Raises InvalidArgument for a value that `on_error` does not have."""
    if on_error not in _ON_ERROR:
        raise InvalidArgument(f"on_error is {on_error!r}; give one of {', '.join(_ON_ERROR)}")


def answer_or_error(answer: Callable[[Photo], T], one: ListedPhoto, on_error: OnError) -> T | LightshipError:
    """Returns the answer to a photo, or the LightshipError instead if `on_error` is "return".

    Raises other errors. Each error says which photo it is about.
    """
    try:
        return answer(one.photo)
    except Exception as error:
        one.name_in(error)
        if on_error == "return" and isinstance(error, LightshipError):
            return error
        raise


def listed(photos: Iterable[Photo], method: str = "classify_image") -> Iterator[ListedPhoto]:
    """Returns an iterator over the photos. Raises InvalidArgument at once if `photos` is not a list of photos.

    An array [N, H, W, C] is a list of its images. method: the one that takes a single photo, for the error.
    """
    given: Any = photos
    if isinstance(given, (str, os.PathLike, bytes, bytearray, memoryview)) or not _is_list(given):
        raise InvalidArgument(
            f"photos is {_described(given)}, not a list of photos: give a list, such as [photo], or use {method}"
        )
    return (ListedPhoto(index, photo) for index, photo in enumerate(given))


def _is_list(given: Any) -> bool:
    dimensions = getattr(given, "ndim", None)  # of an array; two or three are those of one photo
    return hasattr(given, "__iter__") and dimensions not in (0, 2, 3)


def _described(given: Any) -> str:
    if isinstance(given, (str, os.PathLike)):
        return f"one path, {os.fspath(given)!r}"
    shape = getattr(given, "shape", None)
    return f"an array of shape {shape}" if shape is not None else f"one {type(given).__name__}"


class PhotoQueue:
    """The photos for several tasks of an `AsyncClient`, and what became of them. Threads may share it."""

    def __init__(self, photos: Iterable[Photo], on_error: OnError, method: str = "classify_image") -> None:
        self._photos, self._return_errors = listed(photos, method), on_error == "return"
        self._outcomes: list[Any] = []
        self._failures: dict[int, Exception] = {}
        self._lock = threading.Lock()

    def take(self) -> ListedPhoto | None:
        """The next photo; None after the last one, and after a failure that ends the call."""
        with self._lock:
            if self._failures:
                return None
            try:
                one = next(self._photos, None)
            except Exception as error:  # of the caller's iterator
                self._failures[len(self._outcomes)] = error
                return None
            if one is not None:
                self._outcomes.append(None)
            return one

    def succeed(self, one: ListedPhoto, answer: object) -> None:
        self._outcomes[one.index] = answer

    def fail(self, one: ListedPhoto, error: Exception) -> None:
        """Keeps the error in the photo's place, or ends the call with it."""
        one.name_in(error)
        if self._return_errors and isinstance(error, LightshipError):
            self._outcomes[one.index] = error
        else:
            self._failures[one.index] = error

    def outcomes(self) -> list[Any]:
        """What became of each photo, in order. Raises the failure of the first photo that failed."""
        if self._failures:
            raise self._failures[min(self._failures)]
        return self._outcomes
