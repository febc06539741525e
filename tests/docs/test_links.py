"""Every link between files of the repository leads somewhere, so that its pages can be read without the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.blocks import ROOT, pages

FILES = [*pages(), *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
# Headings that the site generates; a link to one leads to the page elsewhere.
GENERATED = {"docs/reference/cli.md", "docs/reference/python.md"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_links_of_a_file_lead_somewhere(file: Path) -> None:
    broken = [link for link in _LINK.findall(_CODE.sub("", file.read_text())) if not leads_somewhere(file, link)]
    assert broken == []


def leads_somewhere(file: Path, link: str) -> bool:
    if "://" in link or link.startswith("mailto:"):
        return True
    path, _, anchor = link.partition("#")
    target = (file.parent / path).resolve() if path else file
    if not target.is_file() or not target.is_relative_to(ROOT):
        return False
    return not anchor or str(target.relative_to(ROOT)) in GENERATED or anchor in anchors(target)


def anchors(file: Path) -> set[str]:
    """The anchors of a file's headings, as GitHub and the site make them."""
    text = re.sub(r"^ *```.*?^ *```$", "", file.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_files_of_the_repository_that_pages_name_exist() -> None:
    named = {
        (str(file.relative_to(ROOT)), path)
        for file in FILES
        for path in re.findall(r"`((?:deploy|docs|scripts|src|tests|docker)/[\w./-]+\.\w+)`", file.read_text())
    }
    assert named
    assert sorted((file, path) for file, path in named if not (ROOT / path).exists()) == []


def test_pages_that_the_code_names_exist() -> None:
    sources = [*(ROOT / "src").rglob("*.py"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    named = {path for file in sources for path in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text())}
    assert named
    assert sorted(path for path in named if not (ROOT / path).is_file()) == []
