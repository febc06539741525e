"""The pixels that a training sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from lightship.datasets import LabelledPhoto
from lightship.errors import InvalidArgument
from lightship.images.prepare import prepare
from lightship.images.spec import FITS, METHODS, ImageSpec
from lightship.training import pipeline, pixels
from lightship.training.augmentation import Augmentation
from lightship.training.pipeline import photos_dataset
from lightship.training.pixels import PhotoPixels

CLASSES = ("cat", "dog", "owl")
RESIZES = [(family, name) for family in METHODS for name in METHODS[family]]
PREPROCESSING = ("none", "resnet50", {"mean": [1, 2, 3], "std": [4, 5, 6]})
SIZES = ((40, 30), (17, 33), (12, 16), (90, 31), (16, 12), (25, 64), (13, 13))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledPhoto, ...]:
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    found = []
    for number, (width, height) in enumerate(SIZES):
        path = folder / f"{number}.{'png' if number % 2 else 'jpg'}"
        Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(path)
        found.append(LabelledPhoto(path, CLASSES[number % 3]))
    return tuple(found)


def spec(**options: object) -> ImageSpec:
    return ImageSpec(**{"height": 12, "width": 16, "preprocessing": "mobilenet_v2"} | options)  # type: ignore[arg-type]


def run(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(images), np.concatenate(labels)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("family", "resize", "preprocessing"),
    [(*method, PREPROCESSING[number % 3]) for number, method in enumerate(RESIZES)],
)
def test_unchanged_photos_are_those_that_a_server_sees(photos, fit, family, resize, preprocessing):
    image = spec(fit=fit, family=family, resize=resize, preprocessing=preprocessing)
    images, labels = run(photos_dataset(photos, CLASSES, image, batch_size=3))
    for photo, one, label in zip(photos, images, labels, strict=True):
        assert one.tobytes() == prepare(photo.path.read_bytes(), image).tobytes()
        assert CLASSES[label.argmax()] == photo.label
        assert label.sum() == 1


@pytest.mark.parametrize("color", ["grayscale", "rgba"])
def test_photos_have_the_colours_of_the_spec(photos, color):
    image = spec(color=color)
    images, _ = run(photos_dataset(photos, CLASSES, image))
    assert images.shape == (len(photos), 12, 16, image.channels)


def test_an_epoch_is_the_same_however_it_is_reached(photos):
    options = {"batch_size": 2, "shuffle": True, "seed": 7, "augment": Augmentation.standard()}
    shared = PhotoPixels([photo.path for photo in photos], spec())
    in_turn = [run(photos_dataset(photos, CLASSES, spec(), epoch=epoch, pixels=shared, **options)) for epoch in (0, 1)]
    alone = run(photos_dataset(photos, CLASSES, spec(), epoch=1, **options))
    assert np.array_equal(in_turn[1][0], alone[0])
    assert np.array_equal(in_turn[1][1], alone[1])
    assert not np.array_equal(in_turn[0][0], alone[0])


def test_the_number_of_threads_changes_nothing(photos, monkeypatch):
    found = []
    for threads in (1, 5):
        monkeypatch.setattr(pipeline, "available_cpus", lambda threads=threads: threads)
        options = {"batch_size": 3, "shuffle": True, "augment": Augmentation.standard()}
        found.append(run(photos_dataset(photos, CLASSES, spec(), **options)))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


def test_another_seed_gives_another_order(photos):
    first, second = (
        run(photos_dataset(photos, CLASSES, spec(), shuffle=True, seed=seed))[0].tobytes() for seed in (0, 1)
    )
    assert first != second


def test_shuffled_photos_keep_their_classes(photos):
    images, labels = run(photos_dataset(photos, CLASSES, spec(), shuffle=True, batch_size=4))
    expected = {prepare(photo.path.read_bytes(), spec()).tobytes(): photo.label for photo in photos}
    found = {one.tobytes(): CLASSES[label.argmax()] for one, label in zip(images, labels, strict=True)}
    assert found == expected


def test_what_does_not_fit_into_the_cache_is_decoded_again(photos):
    full = PhotoPixels([photo.path for photo in photos], spec())
    none = PhotoPixels([photo.path for photo in photos], spec(), cache_bytes=12 * 16 * 3 * 2)
    for index in (*range(len(photos)), *range(len(photos))):
        assert np.array_equal(full[index], none[index])
    assert len(full._cached) == len(photos)
    assert len(none._cached) == 2


def test_the_cache_takes_a_part_of_the_memory_only(monkeypatch):
    monkeypatch.setattr(pixels, "available_memory", lambda: 800)
    assert pixels.default_cache_bytes() == 100
    monkeypatch.setattr(pixels, "available_memory", lambda: 1 << 50)
    assert pixels.default_cache_bytes() == 1 << 30


def test_the_dataset_says_how_many_batches_it_has(photos):
    assert photos_dataset(photos, CLASSES, spec(), batch_size=3).cardinality().numpy() == 3


def test_a_dataset_may_be_read_again_and_twice_at_once(photos):
    dataset = photos_dataset(photos, CLASSES, spec(), batch_size=2, shuffle=True)
    expected = run(dataset)[0]
    one, other = iter(dataset), iter(dataset)
    found = [(next(one)[0].numpy(), next(other)[0].numpy()) for _ in range(4)]
    for place in (0, 1):
        assert np.array_equal(np.concatenate([pair[place] for pair in found]), expected)


def test_a_photo_that_is_gone_is_named(photos, tmp_path):
    gone = LabelledPhoto(tmp_path / "gone.jpg", "cat")
    with pytest.raises(tf.errors.OpError, match=r"gone\.jpg"):
        run(photos_dataset([*photos, gone], CLASSES, spec()))


def test_an_unknown_class_is_named():
    with pytest.raises(InvalidArgument, match="'cats', which is not a class"):
        photos_dataset([LabelledPhoto(Path("a.jpg"), "cats")], CLASSES, spec())


@pytest.mark.parametrize(("photo_count", "batch_size"), [(0, 1), (1, 0)])
def test_a_dataset_needs_photos_and_a_batch_size(photos, photo_count, batch_size):
    with pytest.raises(InvalidArgument):
        photos_dataset(photos[:photo_count], CLASSES, spec(), batch_size=batch_size)
