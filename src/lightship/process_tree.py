"""A process, its threads, and the processes that it started. Only Linux tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def process_tree(pid: int) -> Iterator[int]:
    """Yields a process, those that it started, those that these started, and so on; nothing if it has ended.

    Elsewhere than on Linux, nothing. While processes start and end, some may be missing.
    """
    if not Path(f"/proc/{pid}").is_dir():
        return
    yield pid
    for task in threads_of(pid):
        with suppress(OSError):  # this thread has ended, but others may have started processes too
            for child in (task / "children").read_text().split():
                yield from process_tree(int(child))


def threads_of(pid: int) -> list[Path]:
    """Returns the folder in /proc of each thread of a process; none if it has ended, or elsewhere than on Linux."""
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # the process has ended
        return []
