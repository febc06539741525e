"""Class labels: reads the forms that users have them in, and writes a bundle's form, one per line in index order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightship.errors import InvalidArgument, NotFound
from lightship.files import read_error
from lightship.saved_model.version_files import read_file

Classes = Sequence[str] | Mapping[Any, Any] | str | Path

MAX_LABEL_BYTES = 64 << 20

_SHOWN = 5

_TABLES = (".csv", ".tsv")
_SEPARATORS = (",", ";", "\t")

# Other files that users have labels in, with their suffixes and first bytes.
_OTHER_KINDS = (
    (
        "a pickle, which is not read because a pickle can run any program",
        (".pickle", ".pkl"),
        tuple(bytes([0x80, protocol]) for protocol in range(2, 6)),
    ),
    ("a NumPy file, which is not read", (".npy", ".npz"), b"\x93NUMPY"),
)


def read_classes(source: Classes) -> tuple[str, ...]:
    """Returns the labels in index order, without surrounding blanks.

    source: a sequence of labels; a mapping from index to label or from label to index (Keras' `class_indices`); or
        the path of a file, which is JSON of either form if its name ends in `.json`, and otherwise UTF-8 text with one
        label per line.

    Raises NotFound for a missing file, PermissionDenied for one that this user may not read, and InvalidArgument if
    the labels are not a complete list of different, non-empty strings, and for a set, which has no order.
    """
    if isinstance(source, (str, Path)):
        return _checked(_read_file(Path(source)), f"{source}: ", in_lines=not _is_json(Path(source)))
    if isinstance(source, (set, frozenset)):
        raise InvalidArgument(
            f"the classes are a {type(source).__name__}, which has no order: give a list in the order of the model's "
            "outputs (sorted(classes) if the model was trained with them in that order)"
        )
    return _checked(source, "", in_lines=False)


def read_labels(path: Path) -> tuple[str, ...]:
    """Reads the labels of a bundle, in the form that `labels_text` writes.

    Raises the errors of `read_classes` and `read_file`.
    """
    found = _parse_text(_decoded(read_file(path, MAX_LABEL_BYTES), path), path)
    return _checked(found, f"{path}: ", in_lines=not _is_json(path))


def labels_text(labels: Iterable[str]) -> str:
    """Returns the text of a file that `read_classes` can read."""
    return "".join(f"{label}\n" for label in labels)


def _read_file(path: Path) -> Any:
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(
            f"the file of classes {path} does not exist: give a text file with one label per line"
        ) from error
    except OSError as error:
        raise read_error(path, error) from error
    return _parse_text(_decoded(data, path), path)


def _decoded(data: bytes, path: Path) -> str:
    for kind, suffixes, first_bytes in _OTHER_KINDS:
        if path.suffix.lower() in suffixes or data.startswith(first_bytes):
            raise InvalidArgument(
                f"the file of classes {path} is {kind}: give a text file with one label per line, or a JSON file "
                "with a list of the labels"
            )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"the file of classes {path} is not UTF-8 text: {error}; save it as UTF-8") from error


def _parse_text(text: str, path: Path) -> Any:
    """Parses JSON if the file's name ends in `.json`, and otherwise one label a line."""
    if _is_json(path):
        return _parse_json(text, path)
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if path.suffix.lower() in _TABLES:
        _refuse_columns(lines, path)
    return lines


def _refuse_columns(lines: Sequence[str], path: Path) -> None:
    """Raises InvalidArgument for a table of several columns, of which each line would become a label as a whole."""
    if len(lines) > 1 and any(all(separator in line for line in lines) for separator in _SEPARATORS):
        raise InvalidArgument(
            f"the file of classes {path} is a table, with lines such as {lines[-1]!r}: give a text file with one label "
            "per line and nothing else, in the order of the model's outputs, or a JSON file with a list of the labels"
        )


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _parse_json(text: str, path: Path) -> Any:
    try:
        found = json.loads(text, object_pairs_hook=lambda pairs: _without_repeated_keys(pairs, path))
    except ValueError as error:
        raise InvalidArgument(f"the file of classes {path} is not JSON: {error}; give a JSON list or object") from error
    if not isinstance(found, (list, dict)):
        raise InvalidArgument(f"the file of classes {path} holds {found!r:.80}: give a JSON list or object")
    return found


def _without_repeated_keys(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    _refuse_repeated([key for key, _ in pairs], f"{path}: these keys")
    return dict(pairs)


def _checked(found: Any, place: str, *, in_lines: bool) -> tuple[str, ...]:
    labels = _in_index_order(found, place) if isinstance(found, Mapping) else list(found)
    if not labels:
        raise InvalidArgument(f"{place}there are no classes: give one label for each output of the model")
    checked = tuple(_checked_label(label, index, place, in_lines) for index, label in enumerate(labels))
    _refuse_repeated(checked, f"{place}these labels")
    return checked


def _checked_label(label: object, index: int, place: str, in_lines: bool) -> str:
    if not isinstance(label, str):
        raise InvalidArgument(f"{place}the label of class {index} is {label!r}, not a string: give every class a name")
    label = label.strip()
    if not label:
        line = f" (line {index + 1})" if in_lines else ""
        raise InvalidArgument(f"{place}the label of class {index}{line} is empty: give every class a name")
    if "\n" in label or "\r" in label:
        raise InvalidArgument(f"{place}the label of class {index}, {label!r}, contains a line break: remove it")
    if any("\ud800" <= character <= "\udfff" for character in label):
        raise InvalidArgument(f"{place}the label of class {index}, {label!r}, is not valid Unicode: correct it")
    return label


def _in_index_order(found: Mapping[Any, Any], place: str) -> list[Any]:
    """Returns the labels of a mapping in index order. The side that holds only whole numbers is the index."""
    if all(_is_index(value) for value in found.values()):
        pairs = [(int(index), label) for label, index in found.items()]
    elif all(_is_index(key) or (isinstance(key, str) and key.isdecimal()) for key in found):
        pairs = [(int(index), label) for index, label in found.items()]
    else:
        raise InvalidArgument(
            f"{place}the mapping of classes is neither from index to label ({{0: 'cat', ...}}) "
            "nor from label to index ({'cat': 0, ...}): give one of these forms"
        )
    _refuse_repeated([index for index, _ in pairs], f"{place}these indices")
    by_index = dict(pairs)
    missing = [index for index in range(len(by_index)) if index not in by_index]
    if missing:
        raise InvalidArgument(
            f"{place}{len(by_index)} classes must have the indices 0 to {len(by_index) - 1}; "
            f"missing: {_listed(missing)}; give a label for each index"
        )
    return [by_index[index] for index in range(len(by_index))]


def _is_index(value: Any) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool)


def _refuse_repeated(values: Sequence[Any], what: str) -> None:
    repeated = [repr(value) for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise InvalidArgument(f"{what} occur more than once: {_listed(repeated)}; give each of them once")


def _listed(values: Sequence[Any]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(str(value) for value in values[:_SHOWN]) + more
