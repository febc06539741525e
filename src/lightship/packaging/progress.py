"""Shows the steps of an export, with the seconds that each took: on a terminal, in a notebook, or to a callable."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from lightship.errors import InvalidArgument
from lightship.printable import printable_lines

if TYPE_CHECKING:
    from rich.text import Text

# None: on a terminal and in a notebook; True: in any case; False: never; a callable gets each text.
ProgressOption = bool | Callable[[str], None] | None


class Progress:
    """Shows nothing. Subclasses show the step that runs, what took how long, and notes."""

    # Shows what others write to standard error meanwhile; None if that needs no care.
    show_output: Callable[[bytes], None] | None = None

    def step(self, text: str) -> None:
        """Begins a step, and ends the one before."""

    def __call__(self, text: str) -> None:
        """Shows a note: something that the user may want to know or to change."""

    def done(self, text: str) -> None:
        """Ends the last step, and shows the result."""

    def close(self) -> None:
        """Is called at the end, also after an error, and then in the middle of a step."""


@contextmanager
def shown_progress(option: ProgressOption) -> Iterator[Progress]:
    """Shows progress while the block runs. Raises InvalidArgument for an option that is none of the possible ones."""
    progress = _chosen(option)
    try:
        yield progress
    finally:
        progress.close()


def _chosen(option: ProgressOption) -> Progress:
    if isinstance(option, Progress):
        return option
    if callable(option):
        return CallbackProgress(option)
    if option is not None and not isinstance(option, bool):
        raise InvalidArgument(
            f"progress is {option!r}; give True, False, None for progress on a terminal or in a notebook, or a function"
        )
    if option is False:
        return Progress()
    if in_notebook():
        return LineProgress(sys.stdout)
    if on_terminal():
        stream = own_stream(sys.stderr)
        return LineProgress(stream) if os.environ.get("TERM") in ("dumb", "unknown") else TerminalProgress(stream)
    return LineProgress(own_stream(sys.stderr)) if option and _writable(sys.stderr) else Progress()


def on_terminal() -> bool:
    """Whether standard error is a terminal."""
    return _writable(sys.stderr) and sys.stderr.isatty()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook: Jupyter, VS Code, Colab."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


def _writable(stream: TextIO | None) -> bool:
    """Whether a standard stream is there: some programs have none, or have closed it."""
    return stream is not None and not stream.closed


def own_stream(stream: TextIO) -> TextIO:
    """Returns a stream of its own file descriptor, because a pipe takes the place of the original."""
    try:
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):  # not a file, such as io.StringIO
        return stream
    return open(descriptor, "w", encoding=stream.encoding, errors="replace", buffering=1)


class CallbackProgress(Progress):
    """Calls a function with each text."""

    def __init__(self, function: Callable[[str], None]) -> None:
        self._function = function

    def step(self, text: str) -> None:
        self._function(text)

    def __call__(self, text: str) -> None:
        self._function(text)

    def done(self, text: str) -> None:
        self._function(text)


class _Timed(Progress):
    """Knows the current step, and since when it runs."""

    def __init__(self) -> None:
        self._text = ""
        self._start = self._began = time.monotonic()

    def _begin(self, text: str) -> None:
        self._text, self._start = printable_lines(text), time.monotonic()

    def _seconds(self) -> str:
        """How long the current step has been running."""
        return _seconds(time.monotonic() - self._start)

    def _whole(self) -> str:
        return _seconds(time.monotonic() - self._began)


class LineProgress(_Timed):
    """A line for each step, to which the seconds are added at its end. Needs no terminal, so it suits notebooks."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    def step(self, text: str) -> None:
        self._end(f" ({self._seconds()})")
        self._begin(text)
        self._print(self._text, end="")

    def __call__(self, text: str) -> None:
        self._end(f" ({self._seconds()})")
        self._print(printable_lines(text))

    def done(self, text: str) -> None:
        self._end(f" ({self._seconds()})")
        self._print(f"{printable_lines(text)} ({self._whole()})")

    def close(self) -> None:
        self._end(f": failed after {self._seconds()}")
        if self._stream not in (sys.stdout, sys.stderr):
            self._stream.close()

    def _end(self, text: str) -> None:
        if self._text:
            self._text = ""
            self._print(text)

    def _print(self, text: str, end: str = "\n") -> None:
        print(text, end=end, file=self._stream, flush=True)


class TerminalProgress(_Timed):
    """A line for each finished step, above one with the current step and its seconds, which count up."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._stream = stream
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        spinner = Spinner("dots", self, style="status.spinner")
        self._current = Live(
            spinner,
            console=self._console,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,  # what others print stays on the stream to which they print it
            redirect_stderr=False,
        )
        self._lock = threading.Lock()  # what is printed while `Live` stops could leave its line behind
        self._incomplete = b""  # the end of what others wrote, which is not a whole line yet
        self.show_output = self._show_output

    def __rich__(self) -> Text:
        from rich.text import Text

        return Text(f"{self._text} ({self._seconds()})", no_wrap=True, overflow="ellipsis")

    def step(self, text: str) -> None:
        with self._lock:
            finished = self._finished(f"({self._seconds()})")
            self._begin(text)
            self._print(*finished)
            self._current.start()

    def __call__(self, text: str) -> None:
        with self._lock:
            self._print(printable_lines(text))

    def done(self, text: str) -> None:
        with self._lock:
            self._current.stop()
            self._print(*self._finished(f"({self._seconds()})"), f"{printable_lines(text)} ({self._whole()})")
            self._text = ""

    def close(self) -> None:
        with self._lock:
            self._current.stop()
            if self._incomplete:
                self._print_output(self._incomplete)
            self._print(*self._finished(f"failed after {self._seconds()}"))
        if self._stream not in (sys.stdout, sys.stderr):
            self._stream.close()

    def _finished(self, how: str) -> list[str]:
        """The line of the step that ends now, if there is one."""
        return [f"{self._text} {how}"] if self._text else []

    def _show_output(self, data: bytes) -> None:
        """Prints the complete lines that others wrote to standard error above the current step."""
        with self._lock:
            lines, newline, rest = data.rpartition(b"\n")
            if newline:
                self._print_output(self._incomplete + lines)
                self._incomplete = b""
            self._incomplete += rest

    def _print_output(self, data: bytes) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(data.decode("utf-8", "replace")), soft_wrap=True)

    def _print(self, *lines: str) -> None:
        for line in lines:
            self._console.print(line, soft_wrap=True)


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"
