"""Ctrl-C asks a training to stop early; a second one ends the process at once, whatever it does."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest

from lightship.training.run.interrupts import Interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")

# Its main thread waits in C code, as in a step of TensorFlow.
SCRIPT = """
import signal, sys
from lightship.training.run.interrupts import Interrupts

signal.signal(signal.SIGINT, signal.default_int_handler)  # as a shell starts it, even if the tests ignore Ctrl-C

def say(text):
    print(text, flush=True)

with Interrupts(lambda: say("first"), lambda: say("second")) as interrupts:
    say("ready")
    sys.stdin.read()
    assert interrupts.requested
say("out")
"""


def started() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert line(process) == "ready"
    return process


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_the_first_is_answered_while_the_main_thread_is_busy_and_the_second_ends_the_process() -> None:
    with started() as process:
        process.send_signal(signal.SIGINT)
        assert line(process) == "first"
        process.send_signal(signal.SIGINT)
        assert line(process) == "second"
        assert process.wait(30) == 130


def test_after_the_block_ctrl_c_is_what_it_was() -> None:
    with started() as process:
        process.send_signal(signal.SIGINT)
        assert line(process) == "first"
        assert process.stdin is not None
        process.stdin.close()
        assert line(process) == "out"
        assert process.wait(30) == 0


def test_in_another_thread_signals_stay_as_they_are() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def run() -> None:
        with Interrupts(lambda: None, lambda: None) as interrupts:
            seen.append((signal.getsignal(signal.SIGINT), interrupts.requested))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before, False)]
