"""Which signals end the process at once."""

from __future__ import annotations

import os
import signal

import pytest

from lightship.server.received import ReceivedSignals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_a_wrapper_sends_twice_is_not_a_second_one(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """`timeout` sends it to its command and to the process group, and Ctrl-C may come from a parent too."""

    def exit_at_once(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", exit_at_once)
    now = [100.0]
    received = ReceivedSignals(lambda: now[0])
    for _ in range(3):
        received._take(signal.SIGTERM)
    assert received.next(0) == signal.SIGTERM
    assert received.next(0) is None
    now[0] += 0.25
    received._take(number)
    now[0] += 0.1
    with pytest.raises(SystemExit) as caught:
        received._take(number)
    assert caught.value.code == 128 + number
