"""Finds the class that a user names, by its label or its index."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from lightship.errors import InvalidArgument

ClassChoice = str | int | None
_LISTED = 5  # labels that an error names


def check_class(class_: Any) -> None:
    """Raises InvalidArgument unless a label, an index or None is given."""
    if class_ is None or (isinstance(class_, str) and class_):
        return
    if isinstance(class_, bool) or not isinstance(class_, int) or class_ < 0:
        raise InvalidArgument(f"class_ is {class_!r}; give a label, an index of 0 or more, or None for the best class")


def find_class(class_: str | int, labels: Sequence[str] | None, count: int) -> int:
    """Returns the index of a class. A text is a label, or else an index if it is made of digits only.

    labels: in index order; None if they are not known. count: the number of classes.
    Raises InvalidArgument, with the nearest label, if there is no such class.
    """
    if isinstance(class_, str):
        if labels is not None and class_ in labels:
            return list(labels).index(class_)
        if not class_.isdecimal():
            raise InvalidArgument(f"there is no class {class_!r}: {_advice(class_, labels, count)}")
    index = int(class_)
    if index >= count:
        raise InvalidArgument(f"there is no class {class_}: give an index from 0 to {count - 1}, or a label")
    return index


def _advice(class_: str, labels: Sequence[str] | None, count: int) -> str:
    if labels is None:
        return f"the model has no labels, so give an index from 0 to {count - 1}"
    folded = {label.casefold(): label for label in labels}
    nearest = get_close_matches(class_.casefold(), folded, 1)
    meant = f"did you mean {folded[nearest[0]]!r}? " if nearest else ""
    more = f" and {len(labels) - _LISTED} more" if len(labels) > _LISTED else ""
    return f"{meant}The labels are {', '.join(labels[:_LISTED])}{more}"
