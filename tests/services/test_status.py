"""How models and versions fare."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.errors import NotFound
from lightship.lifecycle import Manager, State
from lightship.services import list_models, model_status


def test_models_are_listed_with_versions_and_reasons(half_plus_two: Path) -> None:
    manager = Manager()
    manager.aspire("half", {123: half_plus_two / "123"})
    assert manager.wait_ready(60)
    manager.expect("cat", "models/cat does not exist")
    half, cat = list_models(manager)
    assert (half.name, half.ready, half.reason) == ("half", True, None)
    assert [(version.version, version.state) for version in half.versions] == [(123, State.AVAILABLE)]
    assert (cat.name, cat.ready, cat.reason, cat.versions) == ("cat", False, "models/cat does not exist", [])
    assert model_status(manager, "half", 123) == half.versions
    with pytest.raises(NotFound, match="Could not find any versions of model cat"):
        model_status(manager, "cat")
    manager.close(30)
