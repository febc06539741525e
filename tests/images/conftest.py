from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.image_samples import samples


@pytest.fixture(scope="session")
def photo(photos: list[Path]) -> Image.Image:
    """One real photo, decoded."""
    with Image.open(photos[0]) as image:
        return image.convert("RGB")


@pytest.fixture(scope="session")
def images(photo: Image.Image) -> dict[str, bytes]:
    """Encoded images of every kind, by name."""
    return samples(photo)
