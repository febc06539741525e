"""Classifies several photos at once, in threads, and returns the answers in the order of the photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lightship.client.parallel import in_order
from lightship.client.photo_list import ListedPhoto, listed
from lightship.client.photos import Photo
from lightship.client.results import Classification
from lightship.processors import available_cpus

Classify = Callable[[Photo], Classification]


def classify_all(photos: Iterable[Photo], classify: Classify) -> list[Classification]:
    """Returns the answer to each photo, in their order. A photo that comes from an iterator is taken when it is needed.

    `classify` is called by one thread per processor. Raises InvalidArgument if one photo was given instead of several,
    and the error of the first photo that fails, with its position and path; then no further photo is classified.
    """

    def classify_one(one: ListedPhoto) -> Classification:
        try:
            return classify(one.photo)
        except Exception as error:
            one.name_in(error)
            raise

    return list(in_order(classify_one, listed(photos), available_cpus(), always_finish=True))
