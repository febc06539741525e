"""Attacks on a real server, from processes of their own, while another client is served. The limits are generous: the
machine may be busy. `python -m benchmarks.attacks` has the real ones, and the full sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.attacks.kinds import ATTACKS
from benchmarks.attacks.target import Models
from benchmarks.attacks.trial import Measured, measure

BUDGET = 256  # megabytes
MAX_WAIT = 5.0  # seconds
MAX_PEAK = BUDGET + 500  # megabytes above the start
MAX_STAYS = 200  # megabytes above the start
# OpenVINO alone, since importing TensorFlow would take memory for good.
OPTIONS = ("--memory-budget", f"{BUDGET}MB", "--engine", "openvino")

Attacked = Callable[..., Measured]


@pytest.fixture
def attacked(half_plus_two: Path) -> Attacked:
    """Measures an attack, by its name, on a server with a toy model. Asserts that nobody else was hurt."""
    return lambda name, scale, **changes: _attacked(Models(half_plus_two, 1), name, scale, **changes)


@pytest.fixture
def photos_attacked(half_plus_two: Path, dog_bundle: Path, dog_photo: Path) -> Attacked:
    """The same, with a model of photos beside the toy."""
    models = Models(half_plus_two, 1, dog_bundle, dog_photo)
    return lambda name, scale, **changes: _attacked(models, name, scale, **changes)


def _attacked(models: Models, name: str, scale: float, **changes: int) -> Measured:
    """changes: fields of the attack that differ from those of the benchmark."""
    attack = dataclasses.replace(next(attack for attack in ATTACKS if attack.name == name), **changes)
    # A helper process that measures a version counts too, and stays some time after its work.
    measured = measure(attack, models, OPTIONS, scale=scale, calm=0.1, settling=(0.0, 90.0))
    assert measured.alive
    assert not measured.refused or attack.refuses_others, f"the other client got {measured.refused}"
    assert measured.longest < MAX_WAIT, f"the other client waited {measured.waits}"
    assert measured.peak < MAX_PEAK
    assert measured.stays < MAX_STAYS
    return measured
