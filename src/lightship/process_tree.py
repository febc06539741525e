"""A process, and the processes that it started. Only Linux tells."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def process_tree(pid: int) -> Iterator[int]:
    """Yields a process, those that it started, those that these started, and so on; nothing if it has ended.

    Elsewhere than on Linux, nothing. While processes start and end, some may be missing.
    """
    folder = Path(f"/proc/{pid}")
    if not folder.is_dir():
        return
    yield pid
    for task in _tasks(folder):
        with suppress(OSError):  # this thread has ended, but others may have started processes too
            for child in (task / "children").read_text().split():
                yield from process_tree(int(child))


def _tasks(folder: Path) -> list[Path]:
    try:
        return list((folder / "task").iterdir())
    except OSError:  # the process has ended
        return []
