"""Modules that only Unix has are imported where their absence is handled. mypy checks the attributes: `make check`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lightship"

UNIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"}
WINDOWS_ONLY = {"_winapi", "msvcrt", "winreg", "winsound"}


def imported_at_once(body: list[ast.stmt]) -> Iterator[str]:
    """The modules that importing a module imports, but for those in a `try`, an `if` or a function."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.ClassDef):
            yield from imported_at_once(node.body)


def wrong_imports(source: Path) -> list[str]:
    return [
        f"{file.relative_to(source)} -> {name}"
        for file in sorted(source.rglob("*.py"))
        for name in imported_at_once(ast.parse(file.read_text(), file.name).body)
        if name in UNIX_ONLY | WINDOWS_ONLY
    ]


def test_no_module_needs_what_another_system_lacks() -> None:
    assert wrong_imports(SOURCE) == []


def test_such_an_import_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os\nfrom fcntl import flock\n")
    (tmp_path / "good.py").write_text("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None\n")
    assert wrong_imports(tmp_path) == ["bad.py -> fcntl"]
