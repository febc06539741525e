"""Checks that closing waits for work on another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


def closes_only_after(close: Callable[[], None], go_on: threading.Event) -> None:
    """Calls `close`, and asserts that it does not return before `go_on` is set, which lets the other thread go on."""
    closed = threading.Event()
    closing = threading.Thread(target=lambda: (close(), closed.set()))
    closing.start()
    assert not closed.wait(0.2)  # a process that ends while OpenVINO imports a model may crash
    go_on.set()
    assert closed.wait(60)
    closing.join(60)
