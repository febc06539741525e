"""An extension of griffe, which reads the source for the reference of the Python API.

The comment above a field of an options class becomes the field's text, and the parameters that a docstring describes
become a list.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import griffe

_PARAMETERS = re.compile(r"(\w+(?:, \w+)*): (.*)")


class ProjectDocstrings(griffe.Extension):
    """Reads comments beside fields, and lists of parameters, as this project writes them."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        if attr.docstring is None and attr.lineno and isinstance(attr.parent, griffe.Class):
            text = comment_above(attr.lines_collection[attr.filepath], attr.lineno)
            if text:
                attr.docstring = griffe.Docstring(text, parent=attr)

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        _list_parameters(func, [one.name for one in func.parameters])

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        made = cls.members.get("__init__")
        parameters = [one.name for one in made.parameters] if isinstance(made, griffe.Function) else []
        _list_parameters(cls, {*parameters, *cls.members})


def comment_above(lines: list[str], number: int) -> str:
    """Returns the comment above a line of the source. Fields that follow each other share the comment above them."""
    at = number - 2  # the line above, counted from 0
    while at >= 0 and re.match(r"\s*\w+: [^#]*$", lines[at]):
        at -= 1
    comment: list[str] = []
    while at >= 0 and lines[at].strip().startswith("#"):
        comment.insert(0, lines[at].strip().removeprefix("#").strip())
        at -= 1
    return " ".join(comment)


def _list_parameters(of: griffe.Function | griffe.Class, names: Collection[str]) -> None:
    if of.docstring is not None:
        of.docstring.value = with_list(of.docstring.value, names)


def with_list(text: str, names: Collection[str]) -> str:
    """Returns a docstring in which lines such as `top: how many` and `ca, key: files` are items of a list."""
    lines: list[str] = []
    in_list = False
    for line in text.splitlines():
        found = _PARAMETERS.fullmatch(line)
        if found is not None and all(name in names for name in found[1].split(", ")):
            given = ", ".join(f"`{name}`" for name in found[1].split(", "))
            lines += [*([] if in_list else [""]), f"- {given}: {found[2]}"]
            in_list = True
        elif in_list and line and not line.startswith(" "):
            lines += ["", line]
            in_list = False
        else:
            lines.append(line)
            in_list = in_list and bool(line)
    return "\n".join(lines)
