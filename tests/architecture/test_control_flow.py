"""No exception of our own, but for those of `errors`, is raised in one folder and caught in another."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lightship"
_BUILTIN = {"BaseException", "Exception"}


def folder_of(file: Path, source: Path) -> str:
    return file.relative_to(source).with_suffix("").parts[0]


def trees(source: Path) -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(source.rglob("*.py")):
        if file != source / "errors.py":
            yield folder_of(file, source), ast.parse(file.read_text(), file.name)


def name_of(node: ast.expr | None) -> str:
    """The last part of a class's name, also where it is called."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def own_exceptions(source: Path) -> set[str]:
    """Classes that derive from Exception, directly or not, and are not in `errors`."""
    bases = {
        node.name: {name_of(base) for base in node.bases}
        for _, tree in trees(source)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found: set[str] = set()
    while more := {name for name, its in bases.items() if its & (found | _BUILTIN)} - found:
        found |= more
    return found


def crossing(source: Path) -> list[str]:
    """Each exception that leaves its folder, as `name: raised in a, caught in b`."""
    own, raised, caught = own_exceptions(source), defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for folder, tree in trees(source):
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise):
                raised[name_of(node.exc)].add(folder)
            elif isinstance(node, ast.ExceptHandler):
                types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                for one in types:
                    caught[name_of(one)].add(folder)
    return [
        f"{name}: raised in {one}, caught in {other}"
        for name in sorted(own)
        for one in sorted(raised[name])
        for other in sorted(caught[name] - {one})
    ]


def test_no_exception_is_control_flow_between_folders() -> None:
    assert crossing(SOURCE) == []


def test_one_that_crosses_is_found(tmp_path: Path) -> None:
    for folder in ("engines", "transports"):
        (tmp_path / folder).mkdir()
    (tmp_path / "engines" / "base.py").write_text("class Late(Exception): ...\ndef run():\n    raise Late\n")
    (tmp_path / "transports" / "app.py").write_text("try:\n    pass\nexcept (ValueError, base.Late):\n    pass\n")
    assert crossing(tmp_path) == ["Late: raised in engines, caught in transports"]
