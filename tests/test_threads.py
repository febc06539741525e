"""Threads that the system does not allow now."""

from __future__ import annotations

import logging
import threading

import pytest

from lightship import threads
from lightship.threads import start_thread, start_timer, startable_threads


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(threads, "_logged_at", -threads._LOG_SECONDS)


def test_a_thread_gets_its_arguments() -> None:
    got: list[object] = []
    done = threading.Event()
    assert start_thread(lambda *given: (got.extend(given), done.set()), 1, "two", name="test")
    assert done.wait(60)
    assert got == [1, "two"]


def test_a_timer_calls_later() -> None:
    done = threading.Event()
    assert start_timer(0.01, done.set) is not None
    assert done.wait(60)


def test_a_thread_that_cannot_be_started_is_logged_and_nothing_is_called(
    no_threads: None, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []
    with caplog.at_level(logging.WARNING, "lightship"):
        assert not start_thread(called.append, 1, name="one")
        assert start_timer(0.0, called.clear) is None
    assert called == []
    assert caplog.messages == ["can't start new thread: the thread one waits; raise the limit of threads"]


def test_threads_that_are_tried_end_again() -> None:
    before = threading.active_count()
    assert startable_threads(5) == 5
    assert threading.active_count() == before


def test_as_many_threads_are_found_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    before, start, left = threading.active_count(), threading.Thread.start, [None] * 3

    def start_some(thread: threading.Thread) -> None:
        if not left:
            raise RuntimeError("can't start new thread")
        left.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_some)
    assert startable_threads(5) == 3
    assert threading.active_count() == before
