"""Model folders that change, and managers that end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lightship.lifecycle import Manager, State

DEADLINE = 60.0
StartManager = Callable[..., Manager]


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.close(DEADLINE)


@pytest.fixture
def start_manager() -> Iterator[StartManager]:
    with ExitStack() as stack:

        def started(*arguments: object, **options: object) -> Manager:
            made = Manager(*arguments, **options)  # type: ignore[arg-type]
            stack.callback(made.close, DEADLINE)
            return made

        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty model folder."""
    (tmp_path / "half").mkdir()
    return tmp_path / "half"


@pytest.fixture
def add_version(half_plus_two: Path, folder: Path) -> Callable[[int], Path]:
    """Puts a copy of y = 0.5 x + 2 into the folder, in one step."""

    def add(number: int) -> Path:
        hidden = folder / f".arriving-{number}"
        shutil.copytree(half_plus_two / "123", hidden)
        return hidden.rename(folder / str(number))

    return add


def await_state(manager: Manager, version: int, state: State, model: str = "half") -> None:
    def reached(seen: Manager) -> bool:
        return any(one.version == version and one.state is state for one in seen.versions(model))

    assert manager.wait(reached, DEADLINE), manager.versions(model)
