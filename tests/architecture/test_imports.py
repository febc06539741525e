"""Imports between folders run downwards only, and TensorFlow stays in its places."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lightship"

# What a version folder holds.
MODEL = {"bundle", "images", "saved_model", "tensors", "protos", "files", "errors", "memory_budget", "suffixes"}
# What prints or shows something.
SHOWN = {"notebook", "printable"}

# What each folder may import of the project, besides itself.
BELOW: dict[str, set[str]] = {
    "errors": set(),
    "extras": {"errors"},
    "files": {"errors", "suffixes"},
    "locks": set(),
    "memory": {"threads"},
    "memory_budget": {"errors"},
    "pauses": {"priority", "threads"},
    "process_tree": set(),
    "processors": set(),
    "notebook": {"printable"},
    "printable": set(),
    "repeated": set(),
    "semaphore": set(),
    "signals": set(),
    "suffixes": set(),
    "threads": {"priority"},
    "priority": {"time_slices"},
    "time_slices": set(),
    "tls_keys": {"errors"},
    "unexpected": set(),
    "protos": {"errors"},
    "tensors": {"protos", "errors", "memory_budget"},
    "saved_model": {"tensors", "protos", "files", "errors", "memory_budget", "pauses", "priority", "suffixes"},
    "images": {"errors", "memory_budget", "notebook", "unexpected"},
    "datasets": {"images", "files", "suffixes", "processors", "errors"},
    "evaluation": {"datasets", "images", "files", "errors", "notebook", "printable"},
    "bundle": MODEL,
    "store": MODEL | {"extras", "locks", "repeated", "threads"},
    "engines": MODEL
    | {"datasets", "extras", "locks", "memory", "pauses", "priority", "process_tree", "processors", "repeated"}
    | {"semaphore", "threads", "time_slices"},
    "batching": MODEL | {"engines", "processors", "threads"},
    "lifecycle": MODEL | {"store", "batching", "engines", "memory", "priority", "repeated", "threads"},
    "signing": MODEL | {"lifecycle", "engines", "extras"},
    "services": MODEL | {"lifecycle", "batching", "engines", "processors", "semaphore", "threads"},
    "transports": MODEL
    | {"services", "lifecycle", "batching", "memory", "printable", "processors", "semaphore", "threads", "tls_keys"},
    "server": MODEL
    | {"transports", "services", "signing", "lifecycle", "store", "batching", "engines"}
    | SHOWN
    | {"memory", "processors", "signals", "printable", "repeated", "threads", "time_slices", "unexpected"},
    "tuning": MODEL | {"lifecycle", "batching", "engines", "evaluation", "memory", "processors", "threads"},
    "packaging": MODEL | SHOWN | {"engines", "extras", "locks", "memory", "unexpected"},
    "client": MODEL | SHOWN | {"extras", "tls_keys"},
    "local": MODEL | SHOWN | {"client", "services", "lifecycle", "engines", "extras", "processors"},
    "training": MODEL
    | SHOWN
    | {"evaluation", "datasets", "client", "local", "packaging", "engines", "extras", "locks", "memory", "processors"}
    | {"unexpected"},
    "compat": {"tensors", "protos", "errors"},
    "bench": MODEL | {"client", "evaluation", "printable", "process_tree", "tls_keys"},
    "docker": MODEL | SHOWN | {"client", "extras"},
    "cli": MODEL
    | {"docker", "local", "client", "training", "packaging", "server", "transports", "services", "signing", "lifecycle"}
    | {"batching", "bench", "engines", "evaluation", "datasets", "store", "tuning"}
    | {"extras", "memory", "processors", "signals", "printable", "threads"},
    "__main__": {"cli"},
}
# What each part of `transports` may import of the others.
TRANSPORTS_BELOW: dict[str, set[str]] = {
    "connections": set(),
    "periodic": set(),
    "stalled": {"periodic"},
    "sockets": set(),
    "turn": {"access_log"},
    "accepting": {"connections", "sockets"},
    "access_log": {"periodic"},
    "metrics": set(),
    "http": {"accepting", "access_log", "connections", "periodic", "stalled", "sockets", "turn"},
    "http2": {"accepting", "connections", "periodic", "stalled", "sockets"},
    "prediction_kind": {"http"},
    "rest": {"access_log", "http", "metrics", "prediction_kind", "turn"},
    "grpc": {
        *("accepting", "access_log", "connections", "periodic", "sockets", "metrics", "http", "http2", "turn"),
        "prediction_kind",
    },
}
MAY_IMPORT_TENSORFLOW = ("packaging/", "training/", "engines/tensorflow/")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(), file.name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: import by the full name, so that its target can be seen"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(file: Path, source: Path) -> str:
    return file.relative_to(source).with_suffix("").parts[0]


def wrong_imports(source: Path) -> list[str]:
    """Every import that runs upwards or sideways, as `file -> folder`."""
    wrong = []
    for file in sorted(source.rglob("*.py")):
        folder = folder_of(file, source)
        if folder == "__init__":
            continue
        for name in imports(file):
            package, _, rest = name.partition(".")
            target = rest.split(".")[0]
            if package == "lightship" and target in BELOW and target != folder and target not in BELOW[folder]:
                wrong.append(f"{file.relative_to(source)} -> {target}")
    return wrong


def wrong_imports_of_transports(source: Path) -> list[str]:
    folder = source / "transports"
    return [
        f"{file.relative_to(source)} -> {target}"
        for file in sorted(folder.rglob("*.py"))
        for name in imports(file)
        if name.startswith("lightship.transports.")
        and (target := name.split(".")[2]) != (part := folder_of(file, folder))
        and target not in TRANSPORTS_BELOW[part]
    ]


def tensorflow_imports(source: Path) -> list[str]:
    return [
        str(file.relative_to(source))
        for file in sorted(source.rglob("*.py"))
        if not str(file.relative_to(source)).startswith(MAY_IMPORT_TENSORFLOW)
        and any(name.split(".")[0] in {"tensorflow", "keras"} for name in imports(file))
    ]


def test_every_room_is_named_in_the_plan() -> None:
    folders = {folder_of(file, SOURCE) for file in SOURCE.rglob("*.py")} - {"__init__"}
    assert folders == set(BELOW)


def test_imports_run_downwards() -> None:
    assert wrong_imports(SOURCE) == []


def test_transports_know_what_is_below_them_only() -> None:
    assert wrong_imports_of_transports(SOURCE) == []


def test_tensorflow_is_imported_in_its_places_only() -> None:
    assert tensorflow_imports(SOURCE) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("bundle/labels.py", "from lightship.engines.base import Engine"),
        ("services/predict.py", "import lightship.transports.rest"),
        ("client/http.py", "from lightship import services"),
    ],
)
def test_an_import_that_runs_upwards_is_found(tmp_path: Path, file: str, line: str) -> None:
    target = tmp_path / file
    target.parent.mkdir()
    target.write_text(line + "\n")
    assert len(wrong_imports(tmp_path)) == 1


@pytest.mark.parametrize("line", ["import tensorflow as tf", "from keras import Model", "import keras.utils"])
def test_tensorflow_elsewhere_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "server.py").write_text(f"def late() -> None:\n    {line}\n")
    assert tensorflow_imports(tmp_path) == ["server.py"]
