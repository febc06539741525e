"""kill -9 at random moments of starts, downloads and loads. `benchmarks/store_kills.py` does the same more often."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.store_kills import Kills


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [21])
def test_after_kills_the_last_good_version_answers_and_nothing_half_written_stays(
    half_plus_two: Path, tmp_path: Path, seed: int
) -> None:
    seen = Kills(half_plus_two / "123", tmp_path, seed).run(15)
    assert seen["kills of copies and loads"] + seen["kills of starts"] == 15
    assert seen["killed while copying"] > 0
    assert seen["starts without the store"] > 0
    assert seen["versions looked at"] > 0
