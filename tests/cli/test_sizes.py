"""Sizes on the command line, and the engine's options by environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.cli.engine_environment import engine_options_from_environment
from lightship.cli.sizes import parse_bytes
from lightship.engines import EngineOptions
from lightship.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("2GiB", 2 << 30), ("512 MiB", 512 << 20), ("1.5G", 3 << 29), ("64kb", 64 << 10)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "lots", "2 PiB", "1e9", "0.1"])
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(InvalidArgument, match="--memory-budget: '.*' is not a size: give a number of bytes"):
        parse_bytes(text, "--memory-budget")


def test_lightship_model_server_takes_our_options_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("TRUST", "1"),
        ("ALLOW_UNPROVEN", "Unique LRN"),
        ("TRIAL_SECONDS", "5"),
        ("TRIAL_MEMORY", "1G"),
    ):
        monkeypatch.setenv(f"LIGHTSHIP_{name}", value)
    monkeypatch.setenv("LIGHTSHIP_CACHE_DIR", "/x")
    found = engine_options_from_environment(EngineOptions(threads=3))
    assert found == EngineOptions(
        threads=3,
        trust=True,
        allow_unproven=frozenset({"Unique", "LRN"}),
        trial_seconds=5.0,
        trial_memory=1 << 30,
        cache_dir=Path("/x"),
    )
    monkeypatch.setenv("LIGHTSHIP_TRIAL_SECONDS", "soon")
    with pytest.raises(InvalidArgument, match="LIGHTSHIP_TRIAL_SECONDS is 'soon'"):
        engine_options_from_environment(EngineOptions())
