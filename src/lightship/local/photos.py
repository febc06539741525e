"""Asks about several photos at once, in threads, and returns the answers in the order of the photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from lightship.client.parallel import in_order
from lightship.client.photo_list import OnError, answer_or_error, check_on_error, listed
from lightship.client.photos import Photo
from lightship.errors import LightshipError
from lightship.processors import available_cpus

T = TypeVar("T")


def for_each_photo(
    photos: Iterable[Photo],
    answer: Callable[[Photo], T],
    method: str = "classify_image",
    on_error: OnError = "raise",
) -> list[T | LightshipError]:
    """Returns the answer to each photo, in their order. A photo that comes from an iterator is taken when it is needed.

    `answer` is called by one thread per processor. method: the one for a single photo, for an error. on_error: "raise"
    raises the error of the first photo that fails, with its position and path, and asks about no further photo.
    "return" puts the error, if it is a LightshipError, into the place of the answer.

    Raises InvalidArgument if one photo was given instead of several, and for another `on_error`.
    """
    check_on_error(on_error)
    given = listed(photos, method)
    ask = partial(answer_or_error, answer, on_error=on_error)
    return list(in_order(ask, given, available_cpus(), always_finish=True))
