"""Makes the name of a class from the name of a folder, the name of a file, or a cell of a list."""

from __future__ import annotations

import unicodedata

from lightship.errors import InvalidArgument


def label_from(text: str, place: object) -> str:
    """Returns a label without surrounding blanks, in Unicode's composed form (NFC).

    macOS may write the name of a folder decomposed: as a base letter and an accent. The label is the same then.

    place: where the text is from, for the error. Raises InvalidArgument for a text that the labels of a model cannot
    have: an empty one, or one with a line break or bytes that are not UTF-8.
    """
    label = unicodedata.normalize("NFC", text).strip()
    problem = _problem(label)
    if problem:
        raise InvalidArgument(
            f"{str(place)!r}: {text!r} cannot be the name of a class, because it {problem}: rename it"
        )
    return label


def _problem(label: str) -> str:
    if not label:
        return "is empty"
    if "\n" in label or "\r" in label:
        return "has a line break"
    if any("\ud800" <= character <= "\udfff" for character in label):
        return "is not valid Unicode"
    return ""
