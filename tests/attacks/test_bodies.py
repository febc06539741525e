"""Bodies that are costly to read: nobody else waits for them, and their memory comes back."""

from __future__ import annotations

import pytest
from tests.attacks.conftest import Attacked

pytestmark = pytest.mark.slow


def test_nobody_waits_for_long_numbers(attacked: Attacked) -> None:
    assert attacked("long-numbers", 0.5).answers == {"200": 1}


def test_nobody_waits_for_a_gzip_of_long_numbers(attacked: Attacked) -> None:
    assert attacked("gzip-150mb", 0.25).answers == {"200": 1}


def test_a_gzip_of_more_numbers_than_the_memory_budget_is_refused(attacked: Attacked) -> None:
    assert attacked("gzip-1gb", 1.0).answers == {"413": 1}


def test_gzips_of_spaces_are_refused(attacked: Attacked) -> None:
    answers = attacked("spaces", 1.0).answers
    assert sum(answers.values()) == 2
    assert set(answers) <= {"413", "503"}  # too large alone, or beside the other


def test_nobody_waits_for_lists_that_are_never_closed(attacked: Attacked) -> None:
    measured = attacked("nested", 0.5)
    assert sum(measured.answers.values()) == 4
    assert set(measured.answers) <= {"400", "413", "503"}  # wrong, too large alone, or too many at once


def test_nobody_waits_for_chunks_of_one_byte(attacked: Attacked) -> None:
    measured = attacked("chunks", 0.3)
    assert sum(measured.answers.values()) == 4
    assert set(measured.answers) <= {"200", "400"}
