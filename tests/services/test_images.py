"""From a photo to its label."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightship.batching import Direct
from lightship.bundle.missing_image import FAMILY_ADVICE, INTENDED, MISSING, missing_image
from lightship.errors import FailedPrecondition, InvalidArgument, TooLarge
from lightship.images.prepare import prepare
from lightship.lifecycle import Servable
from lightship.memory_budget import NOT_COUNTED, MemoryBudget
from lightship.semaphore import Semaphore
from lightship.services import classify_images, helpers
from lightship.services import images as module


def test_a_dog_is_named(dog: Servable, dog_photo: Path) -> None:
    (ranking,) = classify_images(dog, [dog_photo.read_bytes()], top=3)
    assert ranking.labels[0] == "bull_mastiff"
    assert len(ranking.labels) == len(ranking.scores) == 3
    assert ranking.scores.dtype == np.float32
    assert ranking.scores[0] == pytest.approx(0.997, abs=0.001)


def test_all_classes_come_the_best_first(dog: Servable, dog_photo: Path, dog_classes: list[str]) -> None:
    (ranking,) = classify_images(dog, [dog_photo.read_bytes()])
    assert sorted(ranking.labels) == sorted(dog_classes)
    assert (np.diff(ranking.scores) <= 0).all()


def test_more_than_there_are_is_all_there_are(dog: Servable, dog_photo: Path, dog_classes: list[str]) -> None:
    (ranking,) = classify_images(dog, [dog_photo.read_bytes()], top=1000)
    assert len(ranking.labels) == len(dog_classes)


def test_each_image_has_its_own_answer(dog: Servable, photos: list[Path]) -> None:
    images = [photo.read_bytes() for photo in photos[:3]]
    together = classify_images(dog, images)
    for image, ranking in zip(images, together, strict=True):
        (alone,) = classify_images(dog, [image])
        assert ranking.labels[0] == alone.labels[0]
        np.testing.assert_allclose(ranking.scores, alone.scores, rtol=1e-3, atol=1e-5)


def test_the_pixels_are_the_same_with_helpers(
    dog: Servable, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_helpers", Semaphore(3))
    images = [photo.read_bytes() for photo in photos[:12]]
    _, spec = module.of_classifier(dog)
    batch = module.prepared_images(dog, spec, images, 0, NOT_COUNTED)
    for row, image in zip(batch, images, strict=True):
        np.testing.assert_array_equal(row, prepare(image, spec))


def test_the_first_broken_image_is_named_with_helpers_too(
    dog: Servable, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_helpers", Semaphore(3))
    images = [photo.read_bytes() for photo in photos[:12]]
    images[5] = images[5][:500]
    images[9] = b"no image"
    for _ in range(5):
        with pytest.raises(InvalidArgument, match="image 5 of 12: the JPEG image"):
            classify_images(dog, images)


def test_images_that_fit_into_the_memory_one_by_one_are_answered(
    dog: Servable, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helpers, "_helpers", Semaphore(3))
    images = [photo.read_bytes() for photo in photos[:6]]
    _, spec = module.of_classifier(dog)
    single = MemoryBudget(1 << 40)
    with single.reservation() as memory:
        memory.keep()
        most = 0
        for image in images:
            module.prepared_images(dog, spec, [image], 0, memory)
            most = max(most, memory.peak)
    budget = MemoryBudget(most + 10_000)
    with budget.reservation() as memory:
        assert len(module.prepared_images(dog, spec, images, 0, memory)) == 6
        assert memory.peak <= budget.size
    assert budget.refusals == budget.taken == 0


def test_equal_scores_keep_the_order_of_the_labels(dog: Servable, dog_photo: Path, dog_classes: list[str]) -> None:
    class Undecided:
        def run(self, signature: str, inputs: object, outputs: object) -> dict[str, np.ndarray]:
            return {"output_0": np.full((1, len(dog_classes)), 0.5, np.float32)}

    undecided = replace(dog, scheduler=Direct(Undecided()))  # type: ignore[arg-type]
    (ranking,) = classify_images(undecided, [dog_photo.read_bytes()])
    assert ranking.labels == dog_classes


def test_many_images_go_through_in_parts(dog: Servable, photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    images = [photo.read_bytes() for photo in photos[:3]]
    together = classify_images(dog, images)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    for one, other in zip(classify_images(dog, images), together, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, rtol=1e-3, atol=1e-5)
    with pytest.raises(InvalidArgument, match=r"^image 2 of 3: "):
        classify_images(dog, [images[0], images[1], b"no image"])


def test_no_images_give_no_rankings(dog: Servable) -> None:
    assert classify_images(dog, []) == []


def test_a_bad_image_is_named_by_its_place(dog: Servable, dog_photo: Path) -> None:
    good = dog_photo.read_bytes()
    with pytest.raises(InvalidArgument, match=r"^image 1 of 3: .*truncated"):
        classify_images(dog, [good, good[:10_000], good])
    with pytest.raises(InvalidArgument, match=r"^(?!image 0)"):
        classify_images(dog, [b"no image"])


def test_a_large_image_is_refused(dog: Servable) -> None:
    file = io.BytesIO()
    Image.new("L", (200, 200)).save(file, "PNG")
    with pytest.raises(TooLarge, match="200"):
        classify_images(replace(dog, max_pixels=1000), [file.getvalue()])


@pytest.mark.parametrize("top", [0, -1])
def test_top_is_at_least_one(dog: Servable, top: int) -> None:
    with pytest.raises(InvalidArgument, match=f"top is {top}"):
        classify_images(dog, [], top)


def test_a_model_of_other_inputs_says_that_it_takes_no_images(half: Servable) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        classify_images(half, [b""])
    assert caught.value.message.startswith("{name: half version: 123} cannot classify encoded images, because its")
    assert caught.value.message.endswith("does not take one image: send tensors")


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ({"image": None}, "has no image spec, so it cannot classify encoded images: export the model again with "
         f"--preprocess NAME (in Python image=ImageSpec(...)), or send tensors; {FAMILY_ADVICE}"),
        ({"labels": None}, "has no labels, so it cannot classify encoded images: export the model again with "
         "--classes FILE (in Python classes=...), or send tensors"),
        ({"image": None, "labels": None}, "has no image spec and no labels, so it cannot classify encoded images: "
         "export the model again with --preprocess NAME and --classes FILE (in Python image=ImageSpec(...) and "
         f"classes=...), or send tensors; {FAMILY_ADVICE}"),
    ],
)  # fmt: skip
def test_what_a_model_of_images_lacks_is_named(dog: Servable, without: dict[str, None], expected: str) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        classify_images(replace(dog, bundle=replace(dog.bundle, **without)), [b""])
    assert caught.value.message == f"{dog.id} {expected}"


def test_a_model_that_preprocesses_the_pixels_itself_is_told_none(dog: Servable) -> None:
    assert dog.bundle.manifest is not None
    manifest = replace(dog.bundle.manifest, no_image=MISSING, own_preprocessing=True)
    bundle = replace(dog.bundle, image=None, manifest=manifest)
    with pytest.raises(FailedPrecondition) as caught:
        classify_images(replace(dog, bundle=bundle), [b""])
    for text in (caught.value.message, missing_image(bundle)):
        assert "again with --preprocess none (in Python image=ImageSpec(preprocessing='none'))" in text
        assert text.endswith(FAMILY_ADVICE)


def test_a_model_that_is_meant_to_take_only_tensors_says_so(dog: Servable) -> None:
    assert dog.bundle.manifest is not None
    manifest = replace(dog.bundle.manifest, no_image=INTENDED)
    with pytest.raises(FailedPrecondition, match="because its export said that it takes only tensors: send tensors"):
        classify_images(replace(dog, bundle=replace(dog.bundle, image=None, manifest=manifest)), [b""])
