"""Writes the names of ImageNet's 1,000 classes, and of groups of them: imagenet_classes.py SYNSETS WORDNET.

SYNSETS lists the identifiers of the classes, one a line in the order of their indices; an identifier is the position of
the class's entry in WordNet 3.0. `imagenet_synsets.txt` of the package timm (Apache-2.0) is such a list. WORDNET is the
folder with `data.noun` and `index.noun` of WordNet 3.0, for example of Debian's package wordnet-base.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "src" / "lightship" / "training" / "weights"
CLASSES = """\
The 1,000 classes of ImageNet (ILSVRC 2012), in the order of their indices: the identifier in WordNet 3.0, a name
that no other class has, and all words that WordNet has for it. scripts/imagenet_classes.py writes this file.
"""
GROUPS = """\
What WordNet 3.0 has as a broader term of several of ImageNet's classes: its words, and the indices of the classes.
A word with several meanings stands for its most common one. scripts/imagenet_classes.py writes this file.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of WordNet."""

    words: tuple[str, ...]
    # Where the entries of the broader terms are.
    broader: tuple[int, ...]


class WordNet:
    """The nouns of WordNet."""

    def __init__(self, folder: Path) -> None:
        self._data = (folder / "data.noun").read_bytes()
        self._meanings = dict(self._read_index((folder / "index.noun").read_text()))

    @property
    def licence(self) -> Iterator[str]:
        """The lines of the licence, which stands before the first entry."""
        return (line[4:].strip() for line in self._data[: self._data.index(b"\n00001740")].decode().splitlines())

    def entry(self, position: int) -> Entry:
        line = self._data[position : self._data.index(b"\n", position)].decode()
        fields = line.split(" | ")[0].split()
        count = int(fields[3], 16)
        words = tuple(word.replace("_", " ") for word in fields[4 : 4 + 2 * count : 2])
        pointers = fields[5 + 2 * count :]
        kinds = zip(pointers[::4], pointers[1::4], strict=True)
        return Entry(words, tuple(int(position) for kind, position in kinds if kind == "@"))

    def ancestors(self, position: int) -> set[int]:
        found: set[int] = set()
        waiting = list(self.entry(position).broader)
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.entry(one).broader
        return found

    def rank(self, word: str, position: int) -> int:
        """How many meanings of a word are more common than an entry's."""
        return self._meanings[word.lower().replace(" ", "_")].index(position)

    @staticmethod
    def _read_index(text: str) -> Iterator[tuple[str, list[int]]]:
        for line in text.splitlines():
            if not line.startswith(" "):
                fields = line.split()
                yield fields[0], [int(position) for position in fields[-int(fields[2]) :]]


def names_of(entries: Sequence[Entry], wordnet: WordNet) -> Iterator[str]:
    """Yields the first word of each class. If others begin with it too: its own word, or the broader term beside it."""
    first = Counter(entry.words[0].casefold() for entry in entries)
    every = Counter(word.casefold() for entry in entries for word in entry.words)
    for entry in entries:
        word = entry.words[0]
        own = next((other for other in entry.words if every[other.casefold()] == 1), None)
        broader = wordnet.entry(entry.broader[0]).words[0]
        yield word if first[word.casefold()] == 1 else own or f"{word} ({broader})"


def groups_of(positions: Sequence[int], wordnet: WordNet) -> Iterator[tuple[list[str], list[int]]]:
    """Yields the words and the classes of each broader term that has several classes, but not all."""
    members = defaultdict(list)
    for index, position in enumerate(positions):
        for ancestor in wordnet.ancestors(position):
            members[ancestor].append(index)
    groups = {one: those for one, those in members.items() if 1 < len(those) < len(positions)}
    best = most_common(groups, wordnet)
    for one in sorted(groups):
        words = [word for word in wordnet.entry(one).words if best[word.casefold()] == one]
        if words:
            yield words, groups[one]


def most_common(groups: Iterable[int], wordnet: WordNet) -> Mapping[str, int]:
    """Returns for each word the group that is its most common meaning."""
    candidates = defaultdict(list)
    for one in groups:
        for word in wordnet.entry(one).words:
            candidates[word.casefold()].append((wordnet.rank(word, one), one))
    return {word: min(ranked)[1] for word, ranked in candidates.items()}


def ranges(indices: Sequence[int]) -> str:
    """Returns indices as a text such as `3 151-268`."""
    runs = [list(run) for _, run in groupby(enumerate(indices), lambda one: one[1] - one[0])]
    return " ".join(f"{run[0][1]}-{run[-1][1]}" if len(run) > 1 else str(run[0][1]) for run in runs)


def write(name: str, header: str, wordnet: WordNet, lines: Iterable[str]) -> None:
    head = [f"# {line}".rstrip() for line in (*header.splitlines(), "", *wordnet.licence)]
    (FOLDER / name).write_text("\n".join([*head, *lines]) + "\n")


def main() -> None:
    synsets, wordnet = Path(sys.argv[1]).read_text().split(), WordNet(Path(sys.argv[2]))
    positions = [int(synset[1:]) for synset in synsets]
    entries = [wordnet.entry(position) for position in positions]
    names = list(names_of(entries, wordnet))
    assert len({name.casefold() for name in names}) == len(synsets) == 1000
    classes = (
        f"{synset}\t{name}\t{', '.join(entry.words)}"
        for synset, name, entry in zip(synsets, names, entries, strict=True)
    )
    write("imagenet_classes.txt", CLASSES, wordnet, classes)
    groups = (f"{', '.join(words)}\t{ranges(those)}" for words, those in groups_of(positions, wordnet))
    write("imagenet_groups.txt", GROUPS, wordnet, groups)


if __name__ == "__main__":
    main()
