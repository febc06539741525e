"""The hooks of mkdocs: pages from the repository's root, generated sections, and links that also work outside the site.

The pages in `docs/` link to files as they lie in the repository, so that they can be read there too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from docs_site import commands, environment, errors, metrics, python_api

ROOT = Path(__file__).parents[1]

# The files of the repository's root that are pages of the site.
PAGES = {"CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md", "CONTRIBUTING.md": "contributing.md"}

# What writes the section `<!-- generated: NAME [ARGUMENT] -->`. A quotation (`> ...`) right below it is for readers of
# the repository, and is replaced too.
SECTIONS: dict[str, Callable[..., str]] = {
    "commands": commands.lightship_commands,
    "model-server-flags": commands.model_server_flags_table,
    "option-variables": environment.options_table,
    "other-variables": environment.others_table,
    "errors": errors.errors_table,
    "metrics": metrics.metrics_table,
    "process-metrics": metrics.process_metrics_table,
    "python": python_api.public_names,
    "python-options": python_api.options_classes,
}

_SECTION = re.compile(r"^<!-- generated: ([\w-]+)(?: ([\w.]+))? -->$(?:\n> .*$)*", re.MULTILINE)
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Adds the pages from the repository's root."""
    for name, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Writes the generated sections, and makes the links those of the site."""
    source = next((name for name, of in PAGES.items() if of == page.file.src_uri), f"docs/{page.file.src_uri}")
    linked = _LINK.sub(lambda link: _site_link(source, page.file.src_uri, link[1]) + (link[2] or ""), markdown)
    return _SECTION.sub(lambda section: _section(source, *section.groups()), linked)


def _section(source: str, name: str, argument: str | None) -> str:
    if name not in SECTIONS:
        raise PluginError(f"{source}: no section {name!r} can be generated; there are {', '.join(SECTIONS)}")
    return SECTIONS[name](*([] if argument is None else [argument]))


def _site_link(source: str, uri: str, target: str) -> str:
    """Returns the link from the page `uri`, for a link of the file `source` in the repository."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path == "README.md":
        path = "docs/index.md"
    page = PAGES.get(path, path.removeprefix("docs/"))
    if not path.startswith("docs/") and path not in PAGES:
        raise PluginError(f"{source} links to {target}, which is no page of the site: write the path as code")
    return posixpath.relpath(page, posixpath.dirname(uri) or ".")
