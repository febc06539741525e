from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lightship.process_tree import process_tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
child.communicate(b"\\n")
"""


@contextmanager
def parent() -> Iterator[tuple[int, int]]:
    """Starts a process that starts a process. Yields the numbers of both."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", PARENT], text=True, **pipes) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.communicate("\n")


def test_a_process_comes_with_those_that_it_started_and_those_that_these_started() -> None:
    with parent() as (outer, inner):
        assert list(process_tree(outer)) == [outer, inner]
        assert {outer, inner} < set(process_tree(os.getpid()))
    assert list(process_tree(outer)) == []


def test_none_is_missing_because_threads_end_meanwhile() -> None:
    stop = threading.Event()

    def start_threads() -> None:
        while not stop.is_set():
            some = [threading.Thread(target=lambda: None) for _ in range(8)]
            for one in some:
                one.start()
            for one in some:
                one.join()

    with parent() as both:
        starting = threading.Thread(target=start_threads)
        starting.start()
        try:
            for _ in range(300):
                assert set(both) < set(process_tree(os.getpid()))
        finally:
            stop.set()
            starting.join()
