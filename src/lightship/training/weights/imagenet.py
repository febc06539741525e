"""The 1,000 classes of ImageNet (ILSVRC 2012), which most pretrained classifiers answer with.

Their names are WordNet's, whose licence stands in the files beside this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lightship.training.class_words import ClassWords


def _rows(name: str) -> Iterator[list[str]]:
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if not line.startswith("#"))


def _indices(text: str) -> Iterator[int]:
    """Yields the indices of a text such as `3 151-268`."""
    for part in text.split():
        low, _, high = part.partition("-")
        yield from range(int(low), int(high or low) + 1)


def _read() -> ClassWords:
    classes = list(_rows("imagenet_classes.txt"))
    words = {index: (synset, *others.split(", ")) for index, (synset, _, others) in enumerate(classes)}
    groups = {
        term: tuple(_indices(indices)) for terms, indices in _rows("imagenet_groups.txt") for term in terms.split(", ")
    }
    return ClassWords([name for _, name, _ in classes], words, groups)


# The classes in the order of the indices, each with a name that no other class has. With all their words, their
# identifiers in WordNet such as n04285008, and broader terms such as "dog".
IMAGENET: ClassWords = _read()
