"""HTML for notebooks: everything is escaped, and nothing comes from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from lightship import notebook

EVIL = "<script>alert('x')</script>&\"\n\x1b[31m\u202e"


class Parsed(HTMLParser):
    """The elements, their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_text_is_escaped() -> None:
    parsed = Parsed(notebook.table(EVIL, [(EVIL, 1), (None, EVIL)], [EVIL]))
    assert set(parsed.tags) == {"div", "table", "thead", "tr", "th", "tbody", "td"}
    assert parsed.text.count("<script>alert('x')</script>&\"\\n\\x1b[31m\\u202e") == 4
    assert {name for name, _ in parsed.attributes} == {"style"}


def test_markup_is_shown_as_it_is_and_stays_markup() -> None:
    assert '<td style="text-align:left"><b>x</b></td>' in notebook.table("", [[notebook.Markup("<b>x</b>")]])
    assert notebook.text(notebook.text("<")) == "&lt;"


def test_only_web_addresses_become_links() -> None:
    parsed = Parsed(notebook.link('http://h:1/"><script>'))
    assert parsed.tags == ["a"]
    assert dict(parsed.attributes)["href"] == 'http://h:1/"><script>'
    assert notebook.link("javascript:alert(1)") == "javascript:alert(1)"
    assert notebook.link("grpc://h:1") == "grpc://h:1"


@pytest.mark.parametrize(("share", "width"), [(0, "0.00em"), (0.5, "5.00em"), (1, "10.00em")])
def test_a_share_is_a_bar(share: float, width: str) -> None:
    assert f"width:{width}" in notebook.bar(share)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_share_has_no_bar(share: float) -> None:
    assert notebook.bar(share) == ""


def test_a_table_without_rows_or_header_is_one() -> None:
    assert "thead" not in Parsed(notebook.table("t", [])).tags
