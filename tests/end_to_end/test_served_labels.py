"""A server answers for a photo what the model's own `predict_from_jpeg_path` answers, whatever the photo's size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.packaging.conftest import PETS, classifier

import lightship
from lightship.images.spec import FITS, METHODS, ImageSpec

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
KINDS = [(family, fit) for family in METHODS for fit in FITS]


@dataclass(frozen=True)
class Served:
    """A model for each family and fit, and a client of the server that has them all."""

    models: dict[str, lightship.TransferModel]
    client: lightship.Client
    photo: Path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, trained = tmp_path_factory.mktemp("models"), classifier()
    models = {}
    for family, fit in KINDS:
        image = ImageSpec(family=family, resize="bilinear", fit=fit, preprocessing="mobilenet_v2")
        model = models[f"{family}_{fit}"] = lightship.TransferModel(trained, PETS, image=image)
        model.save(folder / f"{family}_{fit}", explain=False, progress=False)
    with (
        lightship.serve(*(str(folder / name) for name in models), rest_port="auto", grpc_port=0) as server,
        lightship.Client(f"http://127.0.0.1:{server.rest_port}") as client,
    ):
        yield Served(models, client, folder / "photo.jpg")


@settings(max_examples=20, deadline=None)
@given(
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    seed=st.integers(0, 1000),
    suffix=st.sampled_from(["jpg", "png"]),
)
def test_the_served_labels_are_those_of_the_model(
    served: Served, width: int, height: int, seed: int, suffix: str
) -> None:
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(0, 256, (3, 3, 3), np.uint8)).resize((width, height))
    photo = served.photo.with_suffix(f".{suffix}")
    patches.save(photo)
    answers: dict[tuple[str, str], object] = {}
    for name, model in served.models.items():
        try:
            expected = model.predict_from_jpeg_path(photo, proba=True)
        except lightship.LightshipError as error:  # so narrow that a fit leaves no pixel
            with pytest.raises(type(error)):
                served.client.classify_image(name, photo)
            continue
        found = served.client.classify_image(name, photo)
        assert found.label == model.predict_from_jpeg_path(photo), name
        assert found.score == pytest.approx(float(np.max(expected)), abs=1e-4), name
        answers[name, found.label] = found.score
    assert answers
