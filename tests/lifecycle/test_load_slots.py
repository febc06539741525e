"""How many loads run at the same time, while some of them may hang."""

from __future__ import annotations

import pytest

from lightship.lifecycle.load_slots import MAX_FURTHER, LoadSlots


@pytest.fixture
def slots() -> LoadSlots:
    made = LoadSlots(2, slow_seconds=5.0)
    made.begin("a", 100.0)
    made.begin("b", 101.0)
    return made


def test_the_usual_number_runs(slots: LoadSlots) -> None:
    assert not slots.may_begin("c", 104.9)
    slots.end("a", 100.0)
    assert slots.may_begin("c", 104.9)


def test_a_slow_load_makes_room_for_other_models_alone(slots: LoadSlots) -> None:
    assert slots.may_begin("c", 105.0)
    assert not slots.may_begin("a", 105.0)
    slots.begin("c", 105.0)
    assert not slots.may_begin("d", 105.9)
    assert slots.may_begin("d", 106.0)


def test_further_loads_are_bounded(slots: LoadSlots) -> None:
    for number in range(MAX_FURTHER):
        assert slots.may_begin(f"m{number}", 200.0)
        slots.begin(f"m{number}", 100.0)
    assert not slots.may_begin("last", 200.0)


def test_when_the_next_load_becomes_slow_is_known(slots: LoadSlots) -> None:
    assert slots.next_slow(102.0) == 105.0
    assert slots.next_slow(105.0) == 106.0
    assert slots.next_slow(106.0) is None
