"""Photos that are small to send and costly to decode."""

from __future__ import annotations

import pytest
from tests.attacks.conftest import Attacked

pytestmark = pytest.mark.slow


def test_photos_of_thousands_of_scans_are_refused(photos_attacked: Attacked) -> None:
    measured = photos_attacked("scans", 1.0)
    assert sum(measured.answers.values()) == 4
    assert set(measured.answers) <= {"400", "413"}


def test_nobody_waits_for_photos_of_millions_of_pixels(photos_attacked: Attacked) -> None:
    # The images may fill the small budget of these tests; another photo is then refused with 503, at once.
    measured = photos_attacked("pixels", 0.25, refuses_others=True)
    assert sum(measured.answers.values()) == 8
    assert set(measured.answers) <= {"200", "413", "503"}
