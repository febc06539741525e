"""Floods, messages that are never finished or inflate to much, and overload over gRPC."""

from __future__ import annotations

import pytest
from tests.attacks.conftest import Attacked

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "flood", ["grpc-resets", "grpc-settings", "grpc-pings", "grpc-windows", "grpc-continuations", "grpc-header-bomb"]
)
def test_a_flood_is_cut_off_and_holds_nobody_up(attacked: Attacked, flood: str) -> None:
    assert attacked(flood, 0.3).answers["connections"] > 1


def test_idle_streams_hold_nobody_up(attacked: Attacked) -> None:
    assert attacked("grpc-idle", 0.3).answers == {"idle": 600}


def test_answers_that_are_not_taken_hold_nobody_up(attacked: Attacked) -> None:
    assert attacked("grpc-closed-windows", 0.2).answers == {"not taken": 1000}


def test_unfinished_messages_stay_within_the_memory_budget(attacked: Attacked) -> None:
    answers = attacked("grpc-unfinished", 0.5).answers
    assert answers["RESOURCE_EXHAUSTED"]
    assert answers["RESOURCE_EXHAUSTED"] + answers["unfinished"] == 8


def test_gzips_of_more_than_the_memory_budget_are_refused(attacked: Attacked) -> None:
    assert attacked("grpc-gzips", 0.7).answers == {"RESOURCE_EXHAUSTED": 3}


def test_an_overload_keeps_nobody_waiting(photos_attacked: Attacked) -> None:
    answers = photos_attacked("grpc-overload", 0.1).answers
    assert answers["OK"]
    assert answers["UNAVAILABLE"]
    assert set(answers) <= {"OK", "UNAVAILABLE"}
