"""Reads the class of a photo from its name, by a pattern such as `{make}_{model}_*.jpg`."""

from __future__ import annotations

import re
from pathlib import PurePath

from lightship.errors import InvalidArgument

_PART = re.compile(r"\{([^{}]*)\}|([*?])|([{}])|([^*?{}]+)")
_EXAMPLE = "such as '{make}_{model}_*.jpg'"
_WILD = {"*": "[^/]*", "?": "[^/]"}


class NamePattern:
    """A pattern for the names of files. A field in braces is a part of the label, and `*` and `?` are as in a shell.

    The label is the fields in their order, joined by `_`. A field takes as few characters as possible, at least one. A
    pattern with `/` is compared with the path below the folder, any other one with the name of the file. Upper and
    lower case are the same, except in the label.
    """

    def __init__(self, text: str) -> None:
        """Raises InvalidArgument if the text has no field, or is not a pattern."""
        self._text = text
        self._has_folders = "/" in text
        fields: list[str] = []
        parts = [_regular_expression(text, match, fields) for match in _PART.finditer(text)]
        if not fields:
            raise InvalidArgument(f"the pattern {text!r} has no field for the label: name one in braces, {_EXAMPLE}")
        self._expression = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)

    def __str__(self) -> str:
        return self._text

    def label(self, path: PurePath) -> str | None:
        """Returns the label of a file by its path below the folder, or None if the pattern does not fit."""
        name = path.as_posix() if self._has_folders else path.name
        match = self._expression.fullmatch(name)
        return None if match is None else "_".join(match.groups())


def _regular_expression(text: str, match: re.Match[str], fields: list[str]) -> str:
    """Returns the expression for a part of the pattern, and adds the name of a field to `fields`."""
    name, wild, brace, literal = match.groups()
    if brace is not None:
        raise InvalidArgument(
            f"the pattern {text!r} has a {brace!r} without its counterpart: write fields in braces, {_EXAMPLE}"
        )
    if wild is not None:
        return _WILD[wild]
    if name is None:
        return re.escape(literal)
    if not name.isidentifier():
        raise InvalidArgument(f"the pattern {text!r} has the field {{{name}}}: name fields by letters, {_EXAMPLE}")
    if name in fields:
        raise InvalidArgument(f"the pattern {text!r} has the field {{{name}}} twice: give each a name of its own")
    fields.append(name)
    return "([^/]+?)"
