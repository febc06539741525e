"""Elements of HTML and SVG, in which all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable

from lightship.notebook import Markup, text

__all__ = ["Markup", "joined", "tag", "text"]

_VOID = frozenset({"img", "meta", "link", "wbr"})


def tag(name: str, /, *content: object, **attributes: object) -> Markup:
    """Returns an element.

    content: texts, which are escaped, and `Markup`, which is not.
    attributes: `_` stands for `-`, and a `_` at the end is dropped, as in `class_`. None and False leave an
        attribute out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[object]) -> Markup:
    """Returns parts one after the other, each escaped unless it is `Markup`."""
    return Markup("".join(text(part) for part in parts))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'
