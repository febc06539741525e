"""What tests of several rooms share: real photos, the real dog model, and TensorFlow Serving's own toy model."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import atexit
import shutil
import tempfile

# One cache of compiled models for all tests and the servers that they start, which is gone at the end.
if "LIGHTSHIP_CACHE_DIR" not in os.environ:
    os.environ["LIGHTSHIP_CACHE_DIR"] = tempfile.mkdtemp(prefix="lightship-tests-")
    atexit.register(shutil.rmtree, os.environ["LIGHTSHIP_CACHE_DIR"], ignore_errors=True)

import pytest
from demo.assets import BREEDS, Assets, fetch

MODELS = Path(__file__).parent / "models"


@pytest.fixture(scope="session")
def assets() -> Assets:
    return fetch()


@pytest.fixture(scope="session")
def dog_model(assets: Assets) -> Path:
    """A Keras 2 `.h5`: MobileNetV2, 160x160, 19 breeds."""
    return assets.model


@pytest.fixture(scope="session")
def dog_classes() -> list[str]:
    return list(BREEDS)


@pytest.fixture(scope="session")
def dog_photo(assets: Assets) -> Path:
    """A bull mastiff."""
    return assets.photo


@pytest.fixture(scope="session")
def photos(assets: Assets) -> list[Path]:
    return list(assets.photos)


@pytest.fixture(scope="session")
def dog_bundle(tmp_path_factory: pytest.TempPathFactory, assets: Assets) -> Path:
    """`models/dog`, holding version 1 as `make demo` exports it. Copy it before changing anything in it."""
    from lightship.images.spec import ImageSpec
    from lightship.packaging import export

    folder = tmp_path_factory.mktemp("models") / "dog"
    image = ImageSpec(resize="bicubic", preprocessing="mobilenet_v2")
    export(assets.model, folder, classes=list(BREEDS), image=image, golden=[assets.photo])
    return folder


@pytest.fixture(scope="session")
def saved_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the models in tests/models: a model folder each, called by its name. See tests/models/make.py."""
    return Path(
        shutil.copytree(MODELS, tmp_path_factory.mktemp("models") / "saved", ignore=shutil.ignore_patterns("*.py"))
    )


@pytest.fixture(scope="session")
def half_plus_two(saved_models: Path) -> Path:
    """A model folder holding version 123: y = 0.5 x + 2, by predict, classify and regress."""
    return saved_models / "half_plus_two"
