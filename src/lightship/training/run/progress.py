"""Shows the progress of a training: a bar on a terminal, and a line for each step elsewhere."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from lightship.packaging.progress import LineProgress, Progress, TerminalProgress, on_terminal, own_stream
from lightship.printable import printable_lines

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BAR_WIDTH = 30
_SHOW_CURSOR = b"\r\x1b[K\x1b[?25h"


class TrainingProgress(Progress):
    """Shows nothing but notes. Subclasses show steps, which may have batches and an outcome."""

    def __call__(self, text: str) -> None:
        with suppress(AttributeError, OSError, ValueError):  # there is no standard error, or nobody reads it
            print(printable_lines(text), file=sys.stderr, flush=True)

    def batch(self, done: int, batches: int, text: str) -> None:
        """Shows how many batches of the current step are done, and a text such as the loss."""

    def outcome(self, text: str) -> None:
        """Adds the outcome of the current step to its line."""

    def abandon(self) -> None:
        """Is called before the process ends at once, in any thread."""


class TrainingLines(LineProgress, TrainingProgress):
    """A line for each step, with its outcome and its seconds."""

    def outcome(self, text: str) -> None:
        self._end(f": {printable_lines(text)} ({self._seconds()})")


class TrainingTerminal(TerminalProgress, TrainingProgress):
    """A line for each finished step, above one with the current step, its batches as a bar, and its seconds."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._done = self._batches = 0
        self._latest = ""

    def __rich__(self) -> Text | Table:  # type: ignore[override]
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        plain = super().__rich__()
        if not self._batches:
            return plain
        line = Table.grid(padding=(0, 1))
        for most in (None, _BAR_WIDTH, None, None):  # only the bar is made shorter on a narrow terminal
            line.add_column(no_wrap=most is None, max_width=most)
        bar = ProgressBar(total=self._batches, completed=self._done)
        line.add_row(plain, bar, f"{self._done}/{self._batches}", self._latest)
        return line

    def step(self, text: str) -> None:
        self._batches = 0
        super().step(text)

    def done(self, text: str) -> None:
        self._batches = 0
        super().done(text)

    def batch(self, done: int, batches: int, text: str) -> None:
        self._done, self._batches, self._latest = done, batches, text

    def outcome(self, text: str) -> None:
        with self._lock:
            self._batches = 0
            self._text = f"{self._text}: {printable_lines(text)}"

    def abandon(self) -> None:
        with suppress(OSError, ValueError):
            os.write(self._stream.fileno(), _SHOW_CURSOR)


def training_progress(option: bool | None) -> TrainingProgress:
    """Returns what shows the progress on standard error: a bar or lines, and only notes if `option` is False.

    option: None means a bar on a terminal, and lines elsewhere; so does True.
    """
    if option is False or sys.stderr is None or sys.stderr.closed:
        return TrainingProgress()
    stream = own_stream(sys.stderr)
    if on_terminal() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return TrainingTerminal(stream)
    return TrainingLines(stream)
