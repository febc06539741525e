"""A version with a model of int8, made once, and photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.quantized_models import PETS, classifier, save_photos

from lightship.images.spec import ImageSpec
from lightship.packaging import export


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photos(tmp_path_factory.mktemp("photos") / "pets", 24)


@pytest.fixture(scope="session")
def pets(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Path:
    """`models/pets/1` with a model of int8. Copy it before changing anything in it."""
    folder = tmp_path_factory.mktemp("models") / "pets"
    image = ImageSpec(preprocessing="mobilenet_v2")
    return export(classifier(), folder, classes=PETS, image=image, explain=False, quantize="int8", calibrate=photos)


@pytest.fixture
def version(pets: Path, tmp_path: Path) -> Path:
    """A copy of the version."""
    return Path(shutil.copytree(pets, tmp_path / "pets" / "1"))
