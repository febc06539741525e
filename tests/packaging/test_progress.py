"""The steps of an export are shown where somebody looks: on a terminal, in a notebook, or where they are asked for."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lightship.errors import InvalidArgument
from lightship.packaging.progress import ProgressOption, in_notebook, shown_progress

SECONDS = r"\(\d+\.\d s\)"


def run_steps(option: ProgressOption, error: Exception | None = None) -> None:
    with shown_progress(option) as progress:
        progress.step("reading")
        progress("a note")
        progress.step("writing")
        if error is not None:
            raise error
        progress.done("wrote \x1b[31mit")


class Terminal:
    """A pseudo-terminal in the place of standard error, and all that was written to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._master, slave = pty.openpty()
        self.stream = os.fdopen(slave, "w", encoding="utf-8")
        monkeypatch.setattr(sys, "stderr", self.stream)
        self._written = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._master, 4096):
                self._written += data
        except OSError:  # the other end is closed
            pass

    def written(self) -> str:
        self.stream.close()
        self._thread.join(30)
        os.close(self._master)
        return self._written.decode()


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    with monkeypatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.setenv("COLUMNS", "80")
        yield Terminal(patch)


def visible(text: str) -> str:
    """Without colours, cursor movements and the line that is drawn again and again."""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    lines = [line.rpartition("\r")[2] for line in plain.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines)


def test_a_terminal_shows_each_step_with_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        run_steps(None)
        written = screen.written()
    assert re.search(r"a note\n", visible(written)), written
    assert re.search(rf"reading {SECONDS}\n", visible(written)), written
    assert re.search(rf"writing {SECONDS}\n", visible(written)), written
    assert re.search(rf"wrote .*it {SECONDS}\n", visible(written)), written
    assert "\x1b[31mit" not in written
    assert "\x1b[?25l" in written  # the cursor is hidden
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # and is there again


def test_an_error_leaves_the_terminal_as_it_was_and_says_which_step_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen, pytest.raises(ValueError, match="no"):
        run_steps(None, ValueError("no"))
    written = screen.written()
    assert re.search(r"writing failed after \d+\.\d s\n", visible(written)), written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_a_terminal_without_control_sequences_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        monkeypatch.setenv("TERM", "dumb")
        run_steps(None)
        written = screen.written()
    assert "\x1b" not in written
    assert re.search(rf"writing {SECONDS}\r\n", written)


def test_what_others_write_comes_above_the_current_step(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        with shown_progress(None) as progress:
            progress.step("reading")
            assert progress.show_output is not None
            progress.show_output(b"warning: [bold]")
            progress.show_output(b"this\n" + b"x " * 60 + b"\nincomplete")
            progress.done("wrote it")
        written = screen.written()
    assert f"warning: [bold]this\n{'x ' * 60}\n" in visible(written)
    assert "\nincomplete\n" in visible(written)


def test_nothing_is_shown_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    run_steps(None)
    run_steps(False)
    assert capfd.readouterr() == ("", "")


def test_true_shows_lines_on_standard_error_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    run_steps(True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert re.fullmatch(rf"reading {SECONDS}\na note\nwriting {SECONDS}\nwrote \\x1b\[31mit {SECONDS}\n", shown.err), (
        shown.err
    )


def test_false_shows_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        run_steps(False)
        assert screen.written() == ""


def test_a_stream_that_is_no_file_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    run_steps(True)
    assert stream.getvalue().startswith("reading (")
    assert not stream.closed


def test_a_closed_or_missing_standard_error_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr(sys, "stderr", stream)
        run_steps(None)
        run_steps(True)


def test_a_function_gets_every_text() -> None:
    texts: list[str] = []
    run_steps(texts.append)
    assert texts == ["reading", "a note", "writing", "wrote \x1b[31mit"]


@pytest.mark.parametrize("option", ["yes", 1, 0.5])
def test_what_is_no_option_is_refused(option: object) -> None:
    with pytest.raises(InvalidArgument, match=f"progress is {option!r}"):
        run_steps(option)  # type: ignore[arg-type]


def test_ipython_on_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    ipython = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not in_notebook()  # half imported
    for shell, expected in ((None, False), (types.SimpleNamespace(), False), (types.SimpleNamespace(kernel=1), True)):
        monkeypatch.setattr(ipython, "get_ipython", lambda shell=shell: shell, raising=False)
        assert in_notebook() is expected


def test_streams_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as screen:
        before = sys.stdout, sys.stderr
        with shown_progress(None) as progress:
            progress.step("reading")
            assert (sys.stdout, sys.stderr) == before
        screen.written()
