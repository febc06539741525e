"""A model in this process explains photos as a server does, over REST and gRPC, and better than at random."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.explained_model import LABELS, SIDE, SPEC, picture

import lightship
from lightship import Client, Explanation, Rise
from lightship.bundle.manifest import Manifest, write_manifest
from lightship.cli.explained_model import LocalExplained
from lightship.cli.explanation_check.checking import CheckOptions, NamedBytes, check_explanations
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.local import LocalModel
from lightship.server import Server

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model(explained_model: Path) -> Iterator[LocalModel]:
    with lightship.load(explained_model) as model:
        yield model


@pytest.fixture(scope="module")
def server(explained_model: Path, cropped: Path, bare: Path, tensors: Path) -> Iterator[Server]:
    models = (f"m={explained_model}", f"cropped={cropped}", f"bare={bare}", f"tensors={tensors}")
    with lightship.serve(*models, rest_port="auto", grpc_port="auto") as running:
        yield running


@pytest.fixture(scope="module")
def cropped(explained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with an image spec that cuts photos to squares."""
    return changed(explained_model, tmp_path_factory, image=replace(SPEC, fit="crop"))


@pytest.fixture(scope="module")
def bare(explained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as if it had been exported without explanations."""
    return changed(explained_model, tmp_path_factory, explain=None, image_signatures=("image_bytes",))


@pytest.fixture(scope="module")
def tensors(explained_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model without image spec and labels."""
    return changed(explained_model, tmp_path_factory, image=None, labels=None, image_signatures=())


def changed(folder: Path, tmp_path_factory: pytest.TempPathFactory, **fields: Any) -> Path:
    """Returns a copy of the model's folder with other fields in its manifest."""
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("changed") / "m"))
    write_manifest(copy / "1", replace(Manifest.read(copy / "1"), **fields))
    return copy


def rest(server: Server) -> Client:
    return Client(str(server.rest_url))


def grpc(server: Server, **options: Any) -> Client:
    return Client(f"grpc://{server.grpc_address}", **options)


def same(one: Explanation, other: Explanation) -> None:
    np.testing.assert_allclose(one.map, other.map, rtol=1e-5, atol=1e-5)
    assert one.score == pytest.approx(other.score, rel=1e-5)
    assert (one.label, one.class_index, one.method, one.version) == (
        other.label,
        other.class_index,
        other.method,
        other.version,
    )


@pytest.mark.parametrize("class_", [None, "dog", "bull mästiff", "0", 0, 4])
def test_rest_grpc_and_this_process_agree(model: LocalModel, server: Server, class_: str | int | None) -> None:
    shown = model.explain_image(picture(), class_=class_)
    with rest(server) as client:
        same(client.explain_image("m", picture(), class_=class_), shown)
    with grpc(server, labels=LABELS) as client:
        same(client.explain_image("m", picture(), class_=class_), shown)
    assert class_ in (None, shown.label, shown.class_index)


def test_a_text_of_digits_is_a_label_first_and_a_number_never(model: LocalModel, server: Server) -> None:
    with rest(server) as client:
        for found in (model.explain_image(picture(), class_="0"), client.explain_image("m", picture(), class_="0")):
            assert (found.label, found.class_index) == ("0", 2)
        for found in (model.explain_image(picture(), class_=0), client.explain_image("m", picture(), class_=0)):
            assert (found.label, found.class_index) == ("cat", 0)


def test_the_mean_and_the_bias_give_the_logit(model: LocalModel, server: Server) -> None:
    from tests.explained_model import weights

    with rest(server) as client:
        for found in (model.explain_image(picture()), client.explain_image("m", picture())):
            assert found.logit is not None
            assert found.class_index is not None
            expected = found.map.mean() + weights()[2][found.class_index]
            assert found.logit == pytest.approx(float(expected), rel=1e-5)


def test_another_method_is_asked_for_over_rest(model: LocalModel, server: Server) -> None:
    with rest(server) as client:
        same(client.explain_image("m", picture(), method="grad-cam"), model.explain_image(picture(), method="grad-cam"))
    with grpc(server) as client, pytest.raises(InvalidArgument, match="cannot be chosen here, only cam"):
        client.explain_image("m", picture(), method="grad-cam")


def test_rise_of_the_server_is_that_of_this_process(model: LocalModel, server: Server, explained_model: Path) -> None:
    """With the image spec of the bundle, the server gets the same tensors."""
    rise = Rise(masks=96, cells=3)
    shown = model.explain_image(picture(), method=rise)
    assert shown.map.shape == (SIDE, SIDE)
    for client in (Client(str(server.rest_url), bundle=explained_model), grpc(server, bundle=explained_model)):
        with client:
            same(client.explain_image("m", picture(), method=rise), shown)


@pytest.mark.parametrize("over", [rest, grpc])
def test_rise_needs_nothing_but_image_bytes(model: LocalModel, server: Server, over: Any) -> None:
    with over(server) as client:
        shown = client.explain_image("m", picture(), method=Rise(masks=64))
    local = model.explain_image(picture(), method=Rise(masks=1))
    assert (shown.label, shown.class_index, shown.map.shape) == (local.label, None, (30, 40))
    assert shown.score == pytest.approx(local.score, rel=1e-4)


def test_a_cropped_photo_is_covered_in_part(cropped: Path, server: Server) -> None:
    expected = (0.125, 0.0, 0.875, 1.0)
    with lightship.load(cropped) as model, rest(server) as client, grpc(server, bundle=cropped) as other:
        shown = client.explain_image("cropped", picture())
        same(shown, model.explain_image(picture()))
        for one in (shown, model.explain_image(picture()), other.explain_image("cropped", picture())):
            assert one.region == pytest.approx(expected)
            assert model.explain_image(picture(), method=Rise(masks=8)).region == pytest.approx(expected)
    pixels, photo = np.asarray(shown.overlay(alpha=1.0)), np.asarray(Image.open(io.BytesIO(picture())))
    np.testing.assert_array_equal(pixels[:, :5], photo[:, :5])
    np.testing.assert_array_equal(pixels[:, 35:], photo[:, 35:])
    assert not np.array_equal(pixels[:, 5:35], photo[:, 5:35])


def test_a_model_without_explanations_says_what_works(bare: Path, server: Server) -> None:
    with lightship.load(bare) as model, rest(server) as client:
        for explain in (lambda: model.explain_image(picture()), lambda: client.explain_image("bare", picture())):
            with pytest.raises(FailedPrecondition, match=r"explanations.*method='rise'"):
                explain()
        assert model.explain_image(picture(), method=Rise(masks=8)).label in LABELS


def test_an_array_is_the_input_of_a_model_without_image_spec(tensors: Path, server: Server) -> None:
    array = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.float32)
    with lightship.load(tensors) as model, rest(server) as client:
        shown = model.explain_image(array, class_=2)
        same(client.explain_image("tensors", array, class_=2), shown)
        with pytest.raises(FailedPrecondition, match="no image spec"):
            model.explain_image(picture())
    assert (shown.label, shown.class_index, shown.photo, shown.region) == ("", 2, None, None)
    assert shown.overlay().size == (224, 224)


def test_several_photos_are_explained_in_their_order(model: LocalModel) -> None:
    photos = [picture(seed) for seed in range(5)]
    found = model.explain_images(photos, class_="dog")
    for one, photo in zip(found, photos, strict=True):
        same(one, model.explain_image(photo, class_="dog"))
    with pytest.raises(InvalidArgument, match=r"^photos\[1\]: the image is not JPEG"):
        model.explain_images([photos[0], b"text"])
    with pytest.raises(InvalidArgument, match="or use explain_image"):
        model.explain_images(photos[0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"class_": "dgo"}, "did you mean 'dog'"),
        ({"class_": 5}, "there is no class 5"),
        ({"method": "grad-cma"}, "did you mean 'grad-cam'"),
        ({"class_": -1}, "class_ is -1"),
        ({"method": Rise(masks=1), "class_": "dgo"}, "did you mean 'dog'"),
    ],
)
def test_what_does_not_exist_is_refused(
    model: LocalModel, server: Server, arguments: dict[str, Any], text: str
) -> None:
    with rest(server) as client:
        for explain in (model.explain_image, lambda *given, **more: client.explain_image("m", *given, **more)):
            with pytest.raises(InvalidArgument, match=text):
                explain(picture(), **arguments)


def test_a_closed_model_explains_nothing(explained_model: Path) -> None:
    with lightship.load(explained_model) as model:
        pass
    with pytest.raises(FailedPrecondition, match="was closed"):
        model.explain_image(picture())


def test_the_peak_of_the_demo_lies_on_the_dog(dog_bundle: Path, dog_photo: Path) -> None:
    """Its head is in the middle third of the photo; the man's legs are to the right."""
    with lightship.load(dog_bundle) as dog:
        for shown in (dog.explain_image(dog_photo), dog.explain_image(dog_photo, method=Rise(masks=256))):
            x, y = shown.peak
            assert 0.25 < x < 0.6
            assert 0.3 < y < 0.75
            assert shown.label == "bull_mastiff"


def test_the_explanation_of_the_demo_is_better_than_random_maps(dog_bundle: Path, dog_photo: Path) -> None:
    """By at least 0.1 of the area under the deletion curve, and 0.2 of that under the insertion curve."""
    options = CheckOptions(method=None, class_=None, random_maps=20, copies=3, margin=0.1, seed=0)
    with lightship.load(dog_bundle) as dog:
        photos = [NamedBytes("dog.jpg", dog_photo.read_bytes())]
        result = check_explanations(LocalExplained(dog), photos, options, lambda parts: None)
    assert result.deletion_gain > 0.1
    assert result.insertion_gain > 0.2
    assert result.weights.mean is not None
    assert abs(result.weights.mean) < 0.5
    assert result.passed
