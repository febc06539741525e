"""Classifies several photos at once, in threads, and returns the answers in the order of the photos."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL.Image import Image

from lightship.client.photos import Photo
from lightship.client.results import Classification
from lightship.errors import InvalidArgument, LightshipError
from lightship.processors import available_cpus

_AHEAD = 2  # photos per thread that are taken from the caller before they are needed

Classify = Callable[[Photo], Classification]


def classify_all(photos: Iterable[Photo], classify: Classify) -> list[Classification]:
    """Returns the answer to each photo, in their order. A photo that comes from an iterator is taken when it is needed.

    `classify` is called by one thread per processor. Raises InvalidArgument if one photo was given instead of several,
    and the error of the first photo that fails, with its position and path; then no further photo is classified.
    """
    _check_several(photos)
    threads, waiting, answers = available_cpus(), deque[Future[Classification]](), list[Classification]()
    with ThreadPoolExecutor(threads, "lightship-photos") as pool:
        try:
            for index, photo in enumerate(photos):
                waiting.append(pool.submit(_classify, classify, index, photo))
                if len(waiting) > _AHEAD * threads:
                    answers.append(waiting.popleft().result())
            answers.extend(one.result() for one in waiting)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return answers


def _classify(classify: Classify, index: int, photo: Photo) -> Classification:
    try:
        return classify(photo)
    except LightshipError as error:
        name = os.fspath(photo) if isinstance(photo, (str, os.PathLike)) else ""
        path = f" ({name})" if name and name not in error.message else ""
        raise type(error)(f"photos[{index}]{path}: {error.message}") from error


def _check_several(photos: object) -> None:
    """An array [N, H, W, C] is a list of its images."""
    if isinstance(photos, np.ndarray):
        several, given = photos.ndim in (1, 4), f"an array of shape {photos.shape}"
    else:
        one = isinstance(photos, (str, bytes, bytearray, memoryview, os.PathLike, Image))
        several, given = isinstance(photos, Iterable) and not one, f"one {type(photos).__name__}"
    if not several:
        raise InvalidArgument(
            f"photos is {given}, not a list of photos: give a list, such as [photo], or use classify_image"
        )
