"""Failures that repeat are logged once for each reason."""

from __future__ import annotations

import logging
import threading

import pytest

from lightship.repeated import RepeatedFailure, log_level


def test_a_reason_is_new_once_and_again_after_another_or_a_success() -> None:
    failing = RepeatedFailure()
    assert [failing.is_new(reason) for reason in ("a", "a", "b", "b", "a")] == [True, False, True, False, True]
    assert failing.ended() == 5
    assert failing.is_new("a")
    assert failing.ended() == 1
    assert failing.ended() == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bad pointer 0x7f3a10", "bad pointer 0x55d2c8"),
        ("worker 1 died while it loaded models/dog/1", "worker 12 died while it loaded models/dog/1"),
        ("no space in /dev/shm/lightship-work-k3_9x", "no space in /dev/shm/lightship-work-q81aa"),
        ("differs by 0.18273", "differs by 1.9e-05"),
    ],
)
def test_what_varies_from_attempt_to_attempt_makes_no_other_reason(first: str, second: str) -> None:
    failing = RepeatedFailure()
    assert (failing.is_new(first), failing.is_new(second)) == (True, False)


def test_other_numbers_and_names_are_another_reason() -> None:
    failing = RepeatedFailure()
    assert failing.is_new("3 files are missing, such as a")
    assert failing.is_new("2 files are missing, such as a")
    assert failing.is_new("2 files are missing, such as b")


def test_what_every_attempt_logs_is_not_logged_again_in_one_that_repeats_a_failed_one() -> None:
    failing = RepeatedFailure()
    with failing.attempt():
        assert log_level(logging.WARNING) == logging.WARNING
    failing.is_new("broken")
    with failing.attempt():
        assert log_level(logging.WARNING) == logging.DEBUG
        elsewhere: list[int] = []
        other = threading.Thread(target=lambda: elsewhere.append(log_level(logging.INFO)))
        other.start()
        other.join()
        assert elsewhere == [logging.INFO]
    assert log_level(logging.INFO) == logging.INFO
    failing.ended()
    with failing.attempt():
        assert log_level(logging.INFO) == logging.INFO
