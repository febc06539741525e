"""Class labels: a label for each index of the model's output, from a list, a text file or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightship.errors import InvalidArgument, NotFound

Classes = Sequence[str] | Mapping[Any, Any] | str | Path


def read_classes(source: Classes) -> tuple[str, ...]:
    """The labels in index order.

    source: a list; a mapping of index to label or label to index (Keras' `class_indices`); or a file: `.json` with either
    of these, else text with one label a line. Raises InvalidArgument for duplicates, gaps, line breaks in a label or no
    label at all, NotFound for a file that is not there.
    """
    if isinstance(source, str | Path):
        return _checked(_from_file(Path(source)))
    if isinstance(source, Mapping):
        return _checked(_from_mapping(source))
    return _checked(list(source))


def _from_file(file: Path) -> Sequence[Any]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"there is no file of classes at {file}: give a text file, one label a line, or JSON") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{file} is not UTF-8 text: save the classes as UTF-8, one label a line") from error
    if file.suffix.lower() != ".json":
        return text.splitlines()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidArgument(f"{file} is not JSON: {error}") from error
    if isinstance(value, dict):
        return _from_mapping(value)
    if isinstance(value, list):
        return value
    raise InvalidArgument(f"{file} holds {type(value).__name__}: give a list of labels or an object")


def _from_mapping(mapping: Mapping[Any, Any]) -> Sequence[Any]:
    """Index to label when all keys are numbers, else label to index."""
    by_index = _indexed(mapping.items()) or _indexed((index, label) for label, index in mapping.items())
    if not by_index:
        raise InvalidArgument(
            "classes map index to label, or label to index; neither all keys nor all values are numbers"
        )
    missing = sorted(set(range(len(by_index))) - by_index.keys())
    if missing or len(by_index) != len(mapping):
        raise InvalidArgument(f"classes must have the indexes 0..{len(mapping) - 1}, each once; missing: {missing[:5]}")
    return [by_index[index] for index in range(len(by_index))]


def _indexed(items: Any) -> dict[int, Any]:
    try:
        return {_index(index): label for index, label in items}
    except ValueError:
        return {}


def _index(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(value)
    return int(value)


def _checked(labels: Sequence[Any]) -> tuple[str, ...]:
    if not labels:
        raise InvalidArgument("there are no classes: give one label for each output of the model")
    for index, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip():
            raise InvalidArgument(f"class {index} is {label!r}: a label is text that is not empty")
        if len(label.splitlines()) > 1 or label != label.strip("\r\n"):
            raise InvalidArgument(f"class {index}, {label!r}, has a line break: labels are kept one a line")
    twice = [label for label, count in Counter(labels).items() if count > 1]
    if twice:
        raise InvalidArgument(f"classes must differ; more than once: {', '.join(map(repr, twice[:5]))}")
    return tuple(labels)
