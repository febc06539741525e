"""The frame of a page: its head, its style, its security policy, and its sections with links to them.

The policy lets a browser load nothing and run only the script of the page, by its hash. Without scripts, tables cannot
be sorted; all else is the same.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lightship.evaluation.page.markup import Markup, joined, tag

_LOGO = Markup(
    '<svg viewBox="0 0 16 16" aria-hidden="true"><rect width="16" height="16" rx="4"></rect>'
    '<path d="M8 2l2 4v5H6V6zM3 12h10l-1 2H4z"></path></svg>'
)
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' "
    "rx='4' fill='%230d7377'/%3E%3Cpath d='M8 2l2 4v5H6V6zM3 12h10l-1 2H4z' fill='white'/%3E%3C/svg%3E"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. `name`: its address in the page, such as "curves"; `short`: its title in the navigation."""

    name: str
    title: str
    content: Markup
    short: str | None = None


def page(title: str, *, kind: str, lead: Markup, sections: Sequence[Section]) -> str:
    """Returns a whole page as HTML, without network, in one file.

    kind: what sort of page it is, beside the product's name, such as "Training report".
    lead: what stands between the title and the sections.
    """
    return "<!doctype html>\n" + tag(
        "html",
        _head(f"{title} · {kind}"),
        tag(
            "body",
            tag("a", "Skip to the content", class_="skip", href="#main"),
            tag("header", _LOGO, tag("p", "Lightship", class_="brand"), tag("p", kind, class_="quiet")),
            tag("main", tag("h1", title), lead, _navigation(sections), *map(_section, sections), id="main"),
            tag("script", Markup(_file("sort.js"))),
        ),
        lang="en",
    )


def _head(title: str) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href=Markup(_ICON)),
        tag("style", Markup(_file("page.css"))),
    )


def _policy() -> str:
    return (
        f"default-src 'none'; script-src '{_hash('sort.js')}'; style-src '{_hash('page.css')}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _navigation(sections: Sequence[Section]) -> Markup:
    links = (tag("li", tag("a", one.short or one.title, href=f"#{one.name}")) for one in sections)
    return tag("nav", tag("ul", *links), aria_label="Sections")


def _section(section: Section) -> Markup:
    return tag(
        "section",
        joined((tag("h2", section.title, id=f"{section.name}-title"), section.content)),
        id=section.name,
        aria_labelledby=f"{section.name}-title",
    )


@cache
def _file(name: str) -> str:
    return files("lightship.evaluation.page").joinpath(name).read_text("utf-8")


@cache
def _hash(name: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(_file(name).encode()).digest()).decode()}"
