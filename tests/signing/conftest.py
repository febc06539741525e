"""A small model to sign, and keys to sign it with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.signing.keys import Keys, make_keys

from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.version_copy import VersionCopy
from lightship.signing import VerifiedCopies, Verifier

Copy = Callable[..., VersionCopy]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return make_keys(tmp_path_factory.mktemp("other"))


@pytest.fixture
def model(tmp_path: Path, half_plus_two: Path) -> Path:
    """The folder of a model with one version."""
    shutil.copytree(half_plus_two / "123", tmp_path / "half" / "1")
    return tmp_path / "half"


@pytest.fixture
def version(model: Path) -> Path:
    return model / "1"


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The folder for verified copies."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


@pytest.fixture
def copy(keys: Keys, copies: Path) -> Copy:
    """Copies a version as a server with --verify-models does."""

    def verified(path: Path, key: Path = keys.public, name: str = "half", number: int = 1) -> VersionCopy:
        return VerifiedCopies(Verifier(key), lambda: copies)(ServableId(name, number), path)

    return verified
