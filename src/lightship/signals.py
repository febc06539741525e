"""What signals do from the first line of a command until its own code handles them.

Importing numpy, OpenVINO and gRPC takes up to a second. Without handlers, SIGTERM would have no effect in that time on
the first process of a container, SIGINT would print a traceback, and SIGHUP would end the process. This module imports
only what Python has loaded already.
"""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False  # `typing` would take longer to import than all else that runs before the handlers are installed
if TYPE_CHECKING:
    from types import FrameType

STOP_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT)
if hasattr(signal, "SIGBREAK"):  # Windows: Ctrl-Break, the only one that another process can send
    STOP_SIGNALS += (signal.SIGBREAK,)
# None on Windows.
HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)

_hung_up = False


def handle_server_start() -> None:
    """Installs the handlers of a command that is going to serve. `Server.handle_signals` replaces them.

    SIGTERM and SIGINT end the process at once with exit code 0, as after a drain: no port is open yet. SIGHUP is only
    remembered for `take_hangup`.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, _end)
    if HANGUP is not None:
        signal.signal(HANGUP, _remember_hangup)


def handle_command() -> None:
    """Installs the handler of a command that ends by itself: SIGTERM cleans up, as Ctrl-C does; a second one does not.

    The exit code is 143, which shells report for a process that SIGTERM ended.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def handle_worker() -> None:
    """Installs the handlers of a worker, for which its supervisor handles the signals: they do nothing.

    Ctrl-C in a terminal, the end of a terminal and some service managers send signals to all processes. Handlers,
    unlike ignored signals, are not passed on to the processes that the worker starts.
    """
    for number in (*STOP_SIGNALS, *([HANGUP] if HANGUP is not None else [])):
        signal.signal(number, _leave_to_supervisor)


def take_hangup() -> bool:
    """Returns whether SIGHUP was received before the server handled signals, and forgets it."""
    global _hung_up
    hung_up, _hung_up = _hung_up, False
    return hung_up


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)  # an exception could be swallowed by the code that is interrupted


def _leave_to_supervisor(number: int, frame: FrameType | None) -> None:
    pass


def _remember_hangup(number: int, frame: FrameType | None) -> None:
    global _hung_up
    _hung_up = True


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(number, _end_at_once)
    raise SystemExit(128 + number)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)
