"""Reads the figures of a page: the elements with `data-figure`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class ReadPage:
    """What a page holds. `figures`: the value of each figure; `shown`: its text; `tags`: every element."""

    figures: dict[str, float] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""

    def count(self, name: str, **attributes: str) -> int:
        return sum(tag == name and attributes.items() <= given.items() for tag, given in self.tags)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = ReadPage()
        self._name: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert len(given) == len(attrs), f"an attribute twice: {attrs}"
        self.page.tags.append((tag, given))
        name = given.get("data-figure")
        if name is None:
            return
        value = float(given["data-value"] or "")
        known = self.page.figures.setdefault(name, value)
        assert known == value or (math.isnan(known) and math.isnan(value)), f"{name} is {known} and {value}"
        self._name = name if tag == "span" else None

    def handle_data(self, data: str) -> None:
        self.page.text += data
        if self._name is not None:
            self.page.shown[self._name] = data
            self._name = None


def read_page(html: str) -> ReadPage:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.page
