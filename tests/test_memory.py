"""How much memory a process may use."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lightship.memory import LARGE, LongLived, MemoryKeeper, available_memory, default_budget, leave_large_garbage

SHOWN = "from lightship.memory import available_memory; print(available_memory())"
LIMIT = 1 << 30


def test_it_is_at_most_what_the_machine_has() -> None:
    assert 0 < available_memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(("available", "budget"), [(8 << 30, 2 << 30), (1 << 30, 256 << 20), (64 << 20, 256 << 20)])
def test_the_default_budget_is_a_quarter_and_not_too_little(
    available: int, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightship.memory.available_memory", lambda: available)
    assert default_budget() == budget


def test_memory_is_returned_once_for_several_large_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Semaphore(0)
    monkeypatch.setattr("lightship.memory.release_freed_memory", released.release)
    keeper = MemoryKeeper()
    keeper.after(LARGE - 1)
    keeper.after(LARGE)
    keeper.after(2 * LARGE)
    assert released.acquire(timeout=60)
    assert not released.acquire(timeout=1)
    keeper.after(LARGE)
    assert released.acquire(timeout=60)


def test_a_limit_of_a_group_below_the_root_counts() -> None:
    """As a service of systemd has it, or a container without a namespace of its own for groups."""
    second = Path("/sys/fs/cgroup/memory.max").exists() or Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root, name = (Path("/sys/fs/cgroup"), "memory.max")
    if not second:
        root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
    group = root / f"lightship-test-{os.getpid()}"
    try:
        (group / "inner").mkdir(parents=True)
        (group / name).write_text(str(LIMIT))
        code = f"import os; open('{group / 'inner' / 'cgroup.procs'}', 'w').write(str(os.getpid())); {SHOWN}"
        shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert int(shown.stdout) == LIMIT
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    finally:
        for folder in (group / "inner", group):
            if folder.exists():
                folder.rmdir()


@pytest.fixture
def nothing_set_aside() -> Iterator[None]:
    """tests/conftest.py, and a command that serves, which a test ran in this process, have set aside what there was."""
    gc.unfreeze()
    yield
    gc.freeze()


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


@pytest.mark.usefixtures("nothing_set_aside")
def test_what_lives_long_is_not_visited_and_garbage_among_it_is_freed_by_the_next_full_collection() -> None:
    long_lived, cycle = LongLived(full_every=3), _Cycle()
    seen = weakref.ref(cycle)
    long_lived.changed()
    wait_for(lambda: gc.get_freeze_count() > 10_000)
    del cycle
    gc.collect()
    assert seen() is not None
    new = _Cycle()
    seen_new = weakref.ref(new)
    del new
    long_lived.changed()
    # Python may have collected it by itself. Before that collection, another change would be one with this one.
    wait_for(lambda: seen_new() is None and long_lived._changes == 2)
    assert seen() is not None
    long_lived.changed()
    wait_for(lambda: seen() is None)


@pytest.mark.usefixtures("nothing_set_aside")
def test_large_garbage_among_what_lives_long_is_freed_at_the_next_change() -> None:
    long_lived, cycle = LongLived(full_every=1000), _Cycle()
    seen = weakref.ref(cycle)
    long_lived.changed()
    wait_for(lambda: gc.get_freeze_count() > 10_000)
    del cycle
    leave_large_garbage()
    long_lived.changed()
    wait_for(lambda: seen() is None)


@pytest.mark.parametrize("set_aside", [False, True])
def test_the_garbage_collector_stops_during_an_import_and_goes_on(set_aside: bool) -> None:
    script = f"""
import gc
from lightship.memory import without_collections

before = gc.get_freeze_count()
with without_collections(set_aside={set_aside}):
    print(gc.isenabled())
print(gc.isenabled(), gc.get_freeze_count() > before)
gc.disable()
with without_collections():
    pass
print(gc.isenabled())
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True", str(set_aside), "False"]


def test_a_system_that_does_not_say_how_much_memory_it_has_gets_a_small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", refuse)
    assert 0 < available_memory() <= 2 << 30
