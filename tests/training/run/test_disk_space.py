"""A disk that is too small for a training is noticed before it begins."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lightship.errors import ResourceExhausted
from lightship.training.run.disk_space import check_disk_space


def test_a_disk_without_room_is_refused_with_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000_000))
    check_disk_space(tmp_path, 10_000_000)
    with pytest.raises(ResourceExhausted, match=r"has 1\.0 GB free, but the training of this model needs 1\.2 GB"):
        check_disk_space(tmp_path, 100_000_000)


def test_what_is_kept_already_needs_no_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000_000))
    check_disk_space(tmp_path, 100_000_000, kept_bytes=600_000_000)
