"""The availability-preserving policy, by the tables of TensorFlow Serving's behaviour."""

from __future__ import annotations

import re

import pytest

from lightship.lifecycle.policy import LoadAction, Phase, UnloadAction, Version, availability_preserving

LETTERS = {
    "N": Phase.NEW,
    "L": Phase.LOADING,
    "T": Phase.RETRYING,
    "R": Phase.READY,
    "U": Phase.UNLOADING,
    "D": Phase.DISABLED,
    "E": Phase.ERROR,
}


def versions(text: str) -> list[Version]:
    """`1R 2L*`: version 1 is ready, version 2 is loading and aspired."""
    found = re.findall(r"(\d+)([A-Z])(\*?)", text)
    return [Version(int(number), LETTERS[phase], bool(star)) for number, phase, star in found]


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ("1U 2E 3R* 4N* 5N*", LoadAction(5)),
        ("1U 2E 3R 4R* 5N*", UnloadAction(3)),
        ("1D 2R 3E", UnloadAction(2)),
        ("1R* 2E* 3L* 4U 5D", None),
        ("1R 2L*", None),
        ("1R 2E*", None),
        ("1R 2L* 3R*", UnloadAction(1)),
        ("1R 2E* 3R*", UnloadAction(1)),
        ("2R 1R 3E* 4L*", UnloadAction(1)),
        ("", None),
        ("1R 2N*", LoadAction(2)),
        ("1R*", None),
        ("1N*", LoadAction(1)),
        ("1N", None),
        ("1L 2E", None),
        ("1R 2T*", None),
        ("1N* 2T*", LoadAction(1)),
    ],
)
def test_action(before: str, action: LoadAction | UnloadAction | None) -> None:
    assert availability_preserving(versions(before)) == action
