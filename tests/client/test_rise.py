"""RISE: the masks come from a seed, the map finds what a model looks at, and the budget is kept."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship.client import Explanation, ModelMetadata, Rise, SignatureInfo, TensorInfo
from lightship.client.flow import Flow, complete
from lightship.client.masked_images import PhotoImages, TensorImages, masked_images
from lightship.client.photos import encoded
from lightship.client.preprocessing import ClientPreprocessing
from lightship.client.rise import explain_by_rise, random_masks, rise_of
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.spec import ImageSpec

LABELS = ("nothing", "bright corner", "three")


def described(shape: tuple[int, ...] | None = (-1, 30, 40, 3), dtype: str = "DT_FLOAT") -> ModelMetadata:
    inputs, outputs = {"x": TensorInfo(dtype, shape, "x:0")}, {"y": TensorInfo("DT_FLOAT", (-1, 3), "y:0")}
    return ModelMetadata("corner", 7, {"serving_default": SignatureInfo("predict", inputs, outputs)})


class Corner:
    """A model whose class 1 is how bright the upper right corner of an image is, after what a hidden pixel has."""

    def __init__(self, black: float = 0.0) -> None:
        self.black, self.requests = black, list[NDArray[Any]]()

    def ask(self, signature: str, inputs: NDArray[Any]) -> Flow[Mapping[str, NDArray[Any]]]:
        assert signature == "serving_default"
        yield from ()
        self.requests.append(inputs)
        bright = (inputs[:, :10, 30:].reshape(len(inputs), -1).mean(axis=1) - self.black).astype(np.float32)
        return {"y": np.stack([np.zeros_like(bright), bright, np.full_like(bright, -1)], axis=1)}


def images(array: NDArray[Any], **changes: Any) -> TensorImages:
    known = described(**changes)
    found = masked_images(array, known, ClientPreprocessing(None, LABELS))
    assert isinstance(found, TensorImages)
    return found


def explained(model: Corner, rise: Rise, class_: str | int | None = None, **changes: Any) -> Explanation:
    given = images(np.ones((30, 40, 3), np.float32), **changes)
    return complete(explain_by_rise(given, model.ask, class_, rise, "corner", 7))


def test_the_peak_lies_where_the_model_looks() -> None:
    shown = explained(Corner(), Rise(masks=600))
    x, y = shown.peak
    assert x > 0.7
    assert y < 0.4
    assert (shown.label, shown.class_index, shown.score, shown.method) == ("bright corner", 1, 1.0, "rise")
    assert (shown.map.shape, shown.map.dtype, shown.model, shown.version) == ((30, 40), np.float32, "corner", 7)
    assert shown.map[:10, 30:].mean() > shown.map[15:].mean() + 0.05


def test_the_map_is_the_mean_score_while_a_pixel_is_visible() -> None:
    """So for a class whose score never changes, the map is that score everywhere."""
    shown = explained(Corner(), Rise(masks=100), "three")
    np.testing.assert_allclose(shown.map, -1, rtol=1e-5)


def test_the_same_seed_gives_the_same_map_and_another_one_another() -> None:
    first, second = (explained(Corner(), Rise(masks=50, seed=3)).map for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, explained(Corner(), Rise(masks=50, seed=4)).map)


def test_masks_do_not_depend_on_how_many_are_made_at_a_time() -> None:
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    together = random_masks(one, 7, (30, 41), 7, 0.5)
    apart = np.concatenate([random_masks(other, count, (30, 41), 7, 0.5) for count in (3, 1, 3)])
    np.testing.assert_allclose(together, apart, atol=1e-6)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("size", [(30, 41), (7, 7), (3, 100)])
def test_every_pixel_is_visible_with_the_chance_of_a_cell(keep: float, size: tuple[int, int]) -> None:
    masks = random_masks(np.random.default_rng(1), 4000, size, 7, keep)
    assert masks.shape == (4000, *size)
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6
    np.testing.assert_allclose(masks.mean(axis=0), keep, atol=0.05)


def test_the_budget_of_predictions_is_kept() -> None:
    model, told = Corner(), list[tuple[int, int]]()
    explained(model, Rise(masks=70, progress=lambda done, total: told.append((done, total))))
    assert [len(request) for request in model.requests] == [1, 32, 32, 6]
    assert told == [(32, 70), (64, 70), (70, 70)]


def test_the_budget_of_seconds_is_kept_after_one_request() -> None:
    model = Corner()
    start = time.monotonic()
    explained(model, Rise(masks=1_000_000, seconds=1e-6))
    assert len(model.requests) == 2
    assert time.monotonic() - start < 60


def test_a_model_of_a_fixed_number_of_rows_gets_so_many() -> None:
    model = Corner()
    explained(model, Rise(masks=10), shape=(4, 30, 40, 3))
    assert {len(request) for request in model.requests} == {4}
    free = explained(Corner(), Rise(masks=10))
    np.testing.assert_allclose(explained(Corner(), Rise(masks=10), shape=(4, 30, 40, 3)).map, free.map, atol=1e-6)


def test_an_input_of_whole_numbers_gets_whole_numbers() -> None:
    model = Corner()
    explained(model, Rise(masks=10), dtype="DT_UINT8")
    assert {request.dtype for request in model.requests} == {np.dtype(np.uint8)}


def test_an_array_without_channels_is_explained() -> None:
    given = images(np.ones((30, 40), np.float32), shape=(-1, 30, 40))
    shown = complete(explain_by_rise(given, Corner().ask, None, Rise(masks=300), "corner", 7))
    assert shown.map.shape == (30, 40)
    assert shown.peak[0] > 0.6


def test_hidden_pixels_of_a_photo_are_black_before_preprocessing() -> None:
    """Black is -1 after the preprocessing of MobileNetV2, and one colour for each channel after that of ResNet50."""
    photo = encoded(np.full((60, 80, 3), 255, np.uint8))
    for name in ("mobilenet_v2", "resnet50"):
        spec = ImageSpec(preprocessing=name)
        masked = masked_images(photo, described(), ClientPreprocessing(spec, LABELS))
        hidden = masked.inputs(np.zeros((1, 30, 40), np.float32))[0]
        np.testing.assert_allclose(
            hidden, np.broadcast_to(spec.preprocessing.apply(np.zeros((30, 40, 3))), (30, 40, 3))
        )
        whole = masked.inputs(np.ones((1, 30, 40), np.float32))[0]
        np.testing.assert_allclose(whole, spec.preprocessing.apply(np.full((30, 40, 3), 255)), rtol=1e-6)
        assert masked.photo == photo


def test_blurred_pixels_have_the_mean_of_those_around() -> None:
    halves = np.zeros((30, 40, 3), np.float32)
    halves[:, 20:] = 1
    blurred = images(halves).inputs(np.zeros((1, 30, 40), np.float32), blurred=True)[0]
    np.testing.assert_allclose(blurred[:, [0, 39]], np.broadcast_to([[[0.0], [1.0]]], (30, 2, 3)), atol=1e-6)
    assert 0.4 < blurred[15, 19, 0] < 0.6
    np.testing.assert_allclose(blurred.mean(), 0.5, atol=1e-4)


def photo_answer(rows: list[dict[str, float]]) -> Mapping[str, NDArray[Any]]:
    ranked = [sorted(row.items(), key=lambda pair: -pair[1]) for row in rows]
    return {
        "labels": np.array([[label for label, _ in row] for row in ranked], object),
        "scores": np.array([[score for _, score in row] for row in ranked], np.float32),
    }


def test_ranked_labels_of_a_server_keep_their_columns() -> None:
    photo = PhotoImages(encoded(np.zeros((9, 12, 3), np.uint8)))
    first = photo.scores(photo_answer([{"cat": 0.7, "dog": 0.2, "cow": 0.1}]), 1)
    assert photo.column(None, first) == 0
    column = photo.column("cow", first)
    later = photo.scores(photo_answer([{"cow": 0.8, "dog": 0.1, "cat": 0.1}, {"cat": 1.0, "cow": 0.0, "dog": 0.0}]), 2)
    np.testing.assert_allclose(later[:, column], [0.8, 0.0])
    assert photo.name(column) == ("cow", None)
    with pytest.raises(InvalidArgument, match="did you mean 'cow'"):
        photo.column("cwo", first)
    with pytest.raises(InvalidArgument, match=r"give the label, or give the client labels="):
        photo.column(2, first)


def test_an_index_is_found_if_the_client_knows_the_labels() -> None:
    photo = PhotoImages(encoded(np.zeros((9, 12, 3), np.uint8)), ("dog", "cat", "cow"))
    first = photo.scores(photo_answer([{"cat": 0.7, "dog": 0.2, "cow": 0.1}]), 1)
    assert photo.name(photo.column(0, first)) == ("dog", 0)
    assert photo.name(photo.column("2", first)) == ("cow", 2)


def test_labels_that_two_classes_share_get_the_better_score() -> None:
    """ImageNet has two classes called crane."""
    photo = PhotoImages(encoded(np.zeros((9, 12, 3), np.uint8)))
    labels = np.array([["crane", "dog", "crane"]], object)
    found = photo.scores({"labels": labels, "scores": np.float32([[0.6, 0.3, 0.1]])}, 1)
    np.testing.assert_allclose(found, [[0.6, 0.3]])


def test_large_photos_are_made_smaller_and_files_are_images() -> None:
    photo = PhotoImages(encoded(np.full((600, 900, 3), 200, np.uint8)))
    assert photo.size == (171, 256)
    half = np.zeros((1, 171, 256), np.float32)
    half[:, :, 128:] = 1
    (file,) = photo.inputs(half)
    pixels = np.asarray(PhotoImages(file)._image)
    assert (pixels[0, 0].tolist(), pixels[0, -1].tolist()) == ([0, 0, 0], [200, 200, 200])


@pytest.mark.parametrize(
    "options",
    [
        {"masks": 0},
        {"masks": True},
        {"masks": 10**7},
        {"masks": 2.5},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"seed": -1},
        {"cells": 1},
        {"cells": 65},
        {"keep": 0},
        {"keep": 1},
        {"keep": "half"},
    ],
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=f"^{next(iter(options))} is "):
        Rise(**options)


def test_a_method_is_a_name_or_options() -> None:
    assert (rise_of("rise"), rise_of("RISE"), rise_of("cam"), rise_of(None)) == (Rise(), Rise(), None, None)
    assert rise_of(Rise(masks=5)) == Rise(masks=5)
    for wrong in ("", 7, True):
        with pytest.raises(InvalidArgument, match="method is "):
            rise_of(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(30,), (30, 40, 3, 2), (0, 40, 3)])
def test_what_is_no_image_for_the_model_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="array of"):
        images(np.zeros(shape, np.float32))


def test_a_photo_for_a_model_of_unknown_preprocessing_says_what_to_give() -> None:
    with pytest.raises(FailedPrecondition, match="bundle="):
        masked_images(encoded(np.zeros((9, 12, 3), np.uint8)), described(), ClientPreprocessing(None, None))


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match=r"with y \[1, 3, 2\]: only a classifier"):
        images(np.ones((30, 40, 3), np.float32)).scores({"y": np.zeros((1, 3, 2))}, 1)
