"""More connections than the server may have files, and more calls than it can take."""

from __future__ import annotations

import pytest
from tests.attacks.conftest import Attacked

pytestmark = pytest.mark.slow


def test_slow_connections_keep_nobody_out(attacked: Attacked) -> None:
    measured = attacked("slow", 0.15, files=150)
    assert measured.answers["opened"] >= 150


def test_an_overload_keeps_nobody_waiting(photos_attacked: Attacked) -> None:
    measured = photos_attacked("overload", 0.1)
    assert measured.answers["200"]
    assert measured.answers["503"]
    assert set(measured.answers) <= {"200", "503", "not sent"}
