"""When several runs are made side by side, and on which copy of the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.closing import closes_only_after

from lightship.engines.base import CannotRun
from lightship.engines.openvino.streams import Streams, choose_streams, least_calls

SMALL, LARGE = 14 << 20, 100 << 20  # bytes: a MobileNetV2, and a ResNet50V2
ARRAYS = {"x": np.zeros(1)}


def test_several_streams_of_a_large_model_are_chosen_where_they_give_much_more_than_joined_calls() -> None:
    one = {1: 0.010, 2: 0.018, 4: 0.034}  # at most 118 rows a second
    assert choose_streams(one, {2: {1: 0.012}}, LARGE) == 2  # 167
    assert choose_streams(one, {2: {1: 0.016}}, LARGE) == 1  # 125
    assert choose_streams(one, {2: {1: 0.019, 4: 0.048}}, LARGE) == 2  # 167 by joined calls on each
    assert choose_streams(one, {}, LARGE) == 1
    assert choose_streams({}, {2: {1: 0.012}}, LARGE) == 1


def test_several_streams_of_a_small_model_are_chosen_where_they_give_about_as_much() -> None:
    one = {1: 0.010, 2: 0.018, 4: 0.034}
    assert choose_streams(one, {2: {1: 0.016}}, SMALL) == 2  # 125
    assert choose_streams(one, {2: {1: 0.018}}, SMALL) == 2  # 111
    assert choose_streams(one, {2: {1: 0.020}}, SMALL) == 1  # 100
    assert choose_streams(one, {8: {1: 0.075}, 2: {1: 0.0194}}, SMALL) == 8  # 107; 2 give 103, too little


def test_fewer_streams_are_chosen_where_more_give_hardly_more() -> None:
    one = {1: 0.010}
    assert choose_streams(one, {16: {1: 0.032}, 8: {1: 0.0165}, 4: {1: 0.011}}, LARGE) == 8


def test_a_large_batch_does_not_count_that_few_calls_would_fill() -> None:
    assert choose_streams({1: 0.010, 64: 0.064}, {2: {1: 0.012}}, LARGE) == 2


def test_streams_are_used_from_as_many_calls_as_they_answer_sooner() -> None:
    assert least_calls({1: 0.002}, 8, {1: 0.008}) == 5
    assert least_calls({1: 0.002}, 2, {1: 0.003}) == 2
    assert least_calls({1: 0.010}, 8, {1: 0.001}) == 2
    assert least_calls({1: 0.002}, 2, {1: 0.004}) == 3
    assert least_calls({1: 0.001}, 4, {1: 0.020}) == 5  # one more than are computed at once is the most that come


class _Model:
    """Takes as long as it is held, and answers with its name."""

    def __init__(self, name: str) -> None:
        self.name, self.held, self.entered = name, threading.Event(), threading.Semaphore(0)

    def run(self, arrays: Mapping[str, Any], outputs: Sequence[str]) -> Any:
        self.entered.release()
        assert self.held.wait(60)
        return self.name


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "in vain"
        threading.Event().wait(0.01)


def _streams(copies: Callable[[], Any], **more: Any) -> Any:
    return Streams(copies, 2, **more)


def _in_thread(streams: Any, model: _Model, answers: list[Any]) -> threading.Thread:
    thread = threading.Thread(target=lambda: answers.append(streams.run(model, ARRAYS, ["y"])))
    thread.start()
    assert model.entered.acquire(timeout=60) if not streams._copies else True
    return thread


def test_a_lone_call_has_all_processors_and_the_copy_is_made_when_calls_meet() -> None:
    one, several, made = _Model("one"), _Model("several"), []
    several.held.set()
    streams = _streams(lambda: made.append(1) or {one: several})
    one.held.set()
    assert [streams.run(one, ARRAYS, ["y"]) for _ in range(3)] == ["one"] * 3
    assert not made
    one.held.clear()
    answers: list[Any] = []
    first, second = _in_thread(streams, one, answers), _in_thread(streams, one, answers)
    _until(lambda: bool(streams._copies))
    assert streams.run(one, ARRAYS, ["y"]) == "several"  # beside the others
    one.held.set()
    for thread in (first, second):
        thread.join(60)
    assert sorted(answers) in (["one", "one"], ["one", "several"])  # the second may find the copy already
    assert streams.run(one, ARRAYS, ["y"]) == "one"  # alone again
    assert made == [1]
    streams.close()


def test_calls_stay_on_the_copy_until_one_is_alone() -> None:
    one, several = _Model("one"), _Model("several")
    one.held.set()
    streams = Streams(lambda: {one: several}, 3)
    streams._copies, streams._crowded = {one: several}, True
    streams._inside.append(None)  # another call goes on
    several.held.set()
    assert streams.run(one, ARRAYS, ["y"]) == "several"
    streams._inside.pop()
    assert streams.run(one, ARRAYS, ["y"]) == "one"
    streams.close()


def test_a_copy_that_cannot_be_made_is_not_tried_again() -> None:
    one, tried = _Model("one"), []

    def make() -> Any:
        tried.append(1)
        raise CannotRun("no memory")

    streams = _streams(make)
    one.held.set()
    streams._inside.append(None)
    assert streams.run(one, ARRAYS, ["y"]) == "one"
    _until(lambda: bool(tried))
    assert [streams.run(one, ARRAYS, ["y"]) for _ in range(3)] == ["one"] * 3
    assert tried == [1]


def test_calls_are_answered_and_the_copy_is_made_later_if_the_system_allows_no_thread_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, several = _Model("one"), _Model("several")
    one.held.set()
    streams = _streams(lambda: {one: several})
    streams._inside.append(None)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as system:
        system.setattr(threading.Thread, "start", refuse)
        assert streams.run(one, ARRAYS, ["y"]) == "one"
    streams.run(one, ARRAYS, ["y"])
    _until(lambda: bool(streams._copies))
    streams.close()


def test_the_copy_is_given_back_when_no_calls_meet_any_more() -> None:
    one, several = _Model("one"), _Model("several")
    one.held.set()
    several.held.set()
    streams = _streams(lambda: {one: several}, idle_seconds=0.05)
    streams._inside.append(None)
    streams.run(one, ARRAYS, ["y"])
    _until(lambda: not streams._making)  # made, and then given back
    assert not streams._copies
    streams.run(one, ARRAYS, ["y"])
    _until(lambda: bool(streams._copies) or not streams._making)  # made again
    streams.close()
    assert not streams._copies


def test_closing_waits_for_copies_that_are_being_made() -> None:
    one, begun, go_on = _Model("one"), threading.Event(), threading.Event()
    one.held.set()

    def make() -> Any:
        begun.set()
        assert go_on.wait(60)
        return {one: _Model("several")}

    streams = _streams(make)
    streams._inside.append(None)
    streams.run(one, ARRAYS, ["y"])
    assert begun.wait(60)
    closes_only_after(streams.close, go_on)
    assert not streams._copies
