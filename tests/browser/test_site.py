"""The documentation's site in a real browser, opened as files: it can be read and searched, and asks nobody."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Page
from tests.docs.conftest import Site, site

__all__ = ["site"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_site_is_read_and_searched_from_files_without_asking_anyone(page: Page, site: Site) -> None:
    page.look(1200, 900, "light")
    page.command("Emulation.setFocusEmulationEnabled", enabled=True)  # or the field gets no focus event
    page.open((site.folder / "index.html").as_uri())
    page.wait("document.querySelector('article h1')")
    page.run("document.querySelector('[data-md-component=search-query]').focus()")
    page.run(
        "(query => { query.value = 'allow_unproven'; query.dispatchEvent(new Event('keyup', { bubbles: true })) })"
        "(document.querySelector('[data-md-component=search-query]'))"
    )
    found = page.wait("[...document.querySelectorAll('.md-search-result__link')].map(link => link.href).join(' ')")
    assert "reference/python.html" in found
    assert page.problems == []
    assert {url for url in page.asked if not url.startswith(("file:", "data:", "about:", "blob:"))} == set()
