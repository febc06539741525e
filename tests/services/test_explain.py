"""Maps of the parts of an image that raise the score of a class."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.explained_model import INPUT, LABELS, SIDE, SPEC, picture, weights

from lightship.batching import Direct, Steps, complete
from lightship.bundle.explain_spec import PREDICTED, ExplainSpec
from lightship.errors import FailedPrecondition, Internal, InvalidArgument, TooLarge
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.lifecycle import Servable, ServableId, load_servable
from lightship.memory_budget import MemoryBudget
from lightship.services import explain as module
from lightship.services.explain import (
    MAX_TOP,
    Explanations,
    class_count,
    class_of,
    explain_arrays_steps,
    explain_images_steps,
    regions_of,
)
from lightship.services.images import classify_images
from lightship.services.predict import check_signature, predict


@pytest.fixture(scope="module")
def model(explained_model: Path) -> Iterator[Servable]:
    servable = load_servable(ServableId("explained", 1), explained_model / "1")
    yield servable
    servable.close()


def explain(servable: Servable, images: Any, *arguments: Any, **options: Any) -> Explanations:
    steps: Any = explain_images_steps if isinstance(images, list) else explain_arrays_steps
    started: Steps[Explanations] = steps(servable, images, *arguments, **options)
    return complete(started)


def batch_of(*seeds: int) -> np.ndarray:
    return np.stack([prepare(picture(seed), SPEC) for seed in seeds])


def test_the_mean_of_a_map_and_the_bias_are_the_logit(model: Servable) -> None:
    found = explain(model, [picture(0), picture(1)])
    bias = weights()[2][found.class_index]
    np.testing.assert_allclose(found.maps.mean((1, 2)) + bias, found.logits, rtol=1e-5)
    assert found.maps.shape == (2, 4, 4)
    assert (found.method, found.layer) == ("cam", "features")


def test_the_predicted_class_is_explained_with_its_label_and_score(model: Servable) -> None:
    images = [picture(seed) for seed in range(3)]
    found = explain(model, images)
    for ranking, label, index, score in zip(
        classify_images(model, images), found.labels, found.class_index, found.scores, strict=True
    ):
        assert (label, LABELS[index]) == (ranking.labels[0], ranking.labels[0])
        assert score == pytest.approx(ranking.scores[0], rel=1e-5)


def test_images_and_prepared_arrays_have_the_same_maps(model: Servable) -> None:
    of_images, of_arrays = explain(model, [picture(0), picture(1)]), explain(model, batch_of(0, 1))
    np.testing.assert_array_equal(of_images.maps, of_arrays.maps)
    np.testing.assert_array_equal(of_images.logits, of_arrays.logits)


def test_each_image_may_have_a_class_of_its_own(model: Servable) -> None:
    image = picture(0)
    found = explain(model, [image, image, image], [2, PREDICTED, 4])
    predicted = int(explain(model, [image]).class_index[0])
    assert found.class_index.tolist() == [2, predicted, 4]
    assert [found.labels[0], found.labels[2]] == ["0", "horse"]
    assert not np.array_equal(found.maps[0], found.maps[2])


def test_another_method_has_its_own_maps(model: Servable) -> None:
    cam, other = explain(model, [picture(0)]), explain(model, [picture(0)], None, "grad-cam")
    assert other.method == "grad-cam"
    np.testing.assert_allclose(other.maps, np.maximum(cam.maps, 0), rtol=1e-5)


def test_top_explains_the_best_classes_the_best_first(model: Servable) -> None:
    images = [picture(0), picture(1)]
    found = explain(model, images, top=3)
    assert found.maps.shape == (6, 4, 4)
    for row, ranking in enumerate(classify_images(model, images, top=3)):
        assert list(found.labels[3 * row : 3 * row + 3]) == ranking.labels
        np.testing.assert_allclose(found.scores[3 * row : 3 * row + 3], ranking.scores, rtol=1e-5)
    second = explain(model, [images[1]], [int(found.class_index[4])])
    np.testing.assert_allclose(found.maps[4], second.maps[0], rtol=1e-5)


def test_many_images_go_through_in_parts(model: Servable, monkeypatch: pytest.MonkeyPatch) -> None:
    images, batch = [picture(seed) for seed in range(5)], batch_of(*range(5))
    whole, best = explain(model, images, [0, 1, 2, 3, 4]), explain(model, batch, top=2)
    for of in (module, __import__("lightship.services.images", fromlist=["images"])):
        monkeypatch.setattr(of, "ROWS_AT_ONCE", 2)
    np.testing.assert_allclose(explain(model, images, [0, 1, 2, 3, 4]).maps, whole.maps, rtol=1e-5)
    np.testing.assert_allclose(explain(model, batch, top=2).maps, best.maps, rtol=1e-5)
    with pytest.raises(InvalidArgument, match=r"^image 4 of 5: "):
        explain(model, [*images[:4], b"no image"])


def test_no_images_have_no_maps(model: Servable) -> None:
    for none in ([], np.empty((0, SIDE, SIDE, 3), np.float32)):
        found = explain(model, none)
        assert found.maps.shape == (0, 4, 4)
        assert (len(found.labels), found.class_index.dtype, found.scores.dtype) == (0, np.int32, np.float32)


@pytest.mark.parametrize(
    ("wanted", "index"), [("cat", 0), ("horse", 4), ("0", 2), ("1", 1), ("004", 4), (0, 0), (4, 4)]
)
def test_a_class_is_found_by_label_and_then_by_index(model: Servable, wanted: str | int, index: int) -> None:
    assert class_of(model, wanted) == index


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("hrse", "no class 'hrse': did you mean 'horse'. The classes are cat, dog, 0, bull mästiff, horse"),
        ("xyz", r"no class 'xyz': The classes are cat"),
        ("", "no class ''"),
        ("²", "no class '²'"),
        ("9" * 5000, "no class '9{64}'"),
        ("5", r"no class 5: .* has 5 classes, from 0 to 4"),
        (5, "no class 5"),
        (-1, "no class -1"),
        (1 << 70, "no class 1180591620717411303424"),
    ],
)
def test_a_class_that_does_not_exist_is_named(model: Servable, wanted: str | int, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        class_of(model, wanted)


def test_wrong_arguments_are_named(model: Servable) -> None:
    image = picture(0)
    with pytest.raises(InvalidArgument, match="no method 'kam': did you mean 'cam'. It has cam, grad-cam; the default"):
        explain(model, [image], None, "kam")
    with pytest.raises(InvalidArgument, match="1 classes for 2 images"):
        explain(model, [image, image], [0])
    with pytest.raises(InvalidArgument, match="no class 7"):
        explain(model, [image], [7])
    for top in (0, -1, MAX_TOP + 1):
        with pytest.raises(InvalidArgument, match=f"top is {top}; give a number from 1 to {MAX_TOP}"):
            explain(model, [image], top=top)
    with pytest.raises(InvalidArgument, match="top is 6, but .* has 5 classes: give 5 at most"):
        explain(model, [image], top=6)
    with pytest.raises(InvalidArgument, match="top is 2, and classes are given"):
        explain(model, [image], [0], top=2)


def test_wrong_arrays_are_refused_as_those_of_a_prediction(model: Servable) -> None:
    with pytest.raises(InvalidArgument, match="single number"):
        explain(model, np.float32(1))
    with pytest.raises(InvalidArgument, match="to be float but double is provided"):
        explain(model, batch_of(0).astype(float))
    with pytest.raises(InvalidArgument) as caught:
        explain(model, np.zeros((1, 2, 2, 5), np.float32))
    assert "[1, 2, 2, 5]" in caught.value.message or "[1, 2, 2, 5]" in str(caught.value.fault)


def test_a_version_without_explanations_says_how_to_get_them(model: Servable, half: Servable) -> None:
    bundle = model.bundle
    assert bundle.manifest is not None
    old = replace(model, bundle=replace(bundle, manifest=replace(bundle.manifest, explain=None)))
    with pytest.raises(FailedPrecondition, match="export the Keras model again .* without --no-explain"):
        explain(old, [picture(0)])
    with pytest.raises(FailedPrecondition, match="has no explanations, because Lightship did not export it"):
        explain(half, [b""])


def test_a_version_without_image_spec_explains_tensors_alone(model: Servable) -> None:
    plain = replace(model, bundle=replace(model.bundle, image=None))
    assert len(explain(plain, batch_of(0)).maps) == 1
    with pytest.raises(FailedPrecondition, match="has no image spec"):
        explain(plain, [picture(0)])


def test_a_version_without_labels_has_indices_alone(model: Servable) -> None:
    plain = replace(model, bundle=replace(model.bundle, labels=None))
    assert explain(plain, batch_of(0), [3]).labels == [None]
    assert class_count(plain) == 5
    assert class_of(plain, "3") == 3
    with pytest.raises(InvalidArgument, match="has no labels; give a number from 0 to 4"):
        class_of(plain, "cat")


def test_a_manifest_that_names_other_signatures_is_told(model: Servable) -> None:
    bundle = model.bundle
    assert bundle.manifest is not None
    for signature in ("serving_default", "gone"):
        manifest = replace(bundle.manifest, explain=ExplainSpec("features", "cam", {"cam": signature}))
        with pytest.raises(Internal, match=f"{signature} .* export the model again"):
            explain(replace(model, bundle=replace(bundle, manifest=manifest)), [picture(0)])


def test_results_of_another_shape_are_told(model: Servable) -> None:
    class Wrong:
        def run(self, signature: str, inputs: object, outputs: object) -> dict[str, np.ndarray]:
            row = np.zeros(1, np.float32)
            return {"map": np.zeros((4, 4)), "class_index": row, "score": row, "logit": row}

    with pytest.raises(Internal, match=r"returned the shapes .*\(4, 4\)"):
        explain(replace(model, scheduler=Direct(Wrong())), batch_of(0))  # type: ignore[arg-type]


def test_a_class_without_a_label_is_told(model: Servable) -> None:
    predicted = int(explain(model, [picture(0)]).class_index[0])
    few = replace(model, bundle=replace(model.bundle, labels=LABELS[:predicted]))
    with pytest.raises(Internal, match=f"explained class {predicted}, but has {predicted} labels: export"):
        explain(few, [picture(0)])


def test_a_signature_that_explains_nothing_by_itself_is_no_method(model: Servable) -> None:
    assert model.bundle.manifest is not None
    spec = ExplainSpec("features", "cam", {"cam": "explain_class"})
    lying = replace(model, bundle=replace(model.bundle, manifest=replace(model.bundle.manifest, explain=spec)))
    with pytest.raises(Internal, match="the signature explain_class of .* explains nothing: export the model again"):
        explain(lying, [picture(0)])


def test_a_large_image_is_refused(model: Servable) -> None:
    file = io.BytesIO()
    Image.new("L", (200, 200)).save(file, "PNG")
    with pytest.raises(TooLarge, match="200"):
        explain(replace(model, max_pixels=1000), [file.getvalue()])


@pytest.mark.parametrize(
    ("fit", "regions"),
    [
        ("stretch", None),
        ("crop", [(0.125, 0.0, 0.875, 1.0)] * 2),
        ("pad", [(0.0, -1 / 6, 1.0, 7 / 6)] * 2),
        ("crop_or_pad", [(16 / 40, 11 / 30, 24 / 40, 19 / 30)] * 2),
    ],
)
def test_what_a_map_covers_of_a_photo_is_known(model: Servable, fit: str, regions: Any) -> None:
    """Photos of 40 x 30 pixels, and a square input."""
    spec = ImageSpec(SIDE, SIDE, fit=fit, preprocessing="none")
    found = regions_of(replace(model, bundle=replace(model.bundle, image=spec)), [picture(0), picture(1)])
    assert found == regions if regions is None else found == [pytest.approx(region) for region in regions]


def test_memory_is_counted_and_given_back_but_for_the_maps(model: Servable) -> None:
    with MemoryBudget(1 << 30).reservation() as memory:
        explain(model, [picture(0)] * 3, memory=memory)
        assert 0 < memory.held < 4 << 10
    with MemoryBudget(1 << 10).reservation() as memory, pytest.raises(TooLarge, match="memory budget"):
        explain(model, [picture(0)] * 64, memory=memory)


def test_the_signatures_of_encoded_images_are_answered_here(model: Servable) -> None:
    images = np.array([picture(0), picture(1)], object)
    signature = check_signature(model, "explain")
    outputs = predict(model, signature, {"image_bytes": images})
    found = explain(model, images.tolist())
    assert outputs.keys() == {"map", "class_index", "label", "score"}
    np.testing.assert_array_equal(outputs["map"], found.maps)
    assert outputs["label"].tolist() == [str(label).encode() for label in found.labels]
    some = predict(model, signature, {"image_bytes": images}, ["label"])
    assert list(some) == ["label"]


def test_the_signature_with_a_class_explains_that_class(model: Servable) -> None:
    images, signature = np.array([picture(0), picture(1)], object), check_signature(model, "explain_class")
    outputs = predict(model, signature, {"image_bytes": images, "class_index": np.int32([3, 0])})
    assert outputs["label"].tolist() == ["bull mästiff".encode(), b"cat"]
    for wrong, text in (([3], "1 classes for 2 images"), ([0, 5], "no class 5"), ([0, -1], "no class -1")):
        with pytest.raises(InvalidArgument, match=text):
            predict(model, signature, {"image_bytes": images, "class_index": np.int32(wrong)})
    with pytest.raises(InvalidArgument, match=r"class_index.* has shape \[2, 1\]"):
        predict(model, signature, {"image_bytes": images, "class_index": np.int32([[0], [1]])})
    with pytest.raises(InvalidArgument, match="Missing but required: {class_index}|not found in request"):
        predict(model, signature, {"image_bytes": images})


def test_the_graph_of_the_file_gives_the_same_maps(model: Servable) -> None:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model.bundle.path))
    there = loaded.signatures["explain"](image_bytes=tf.constant([picture(0), picture(1)]))
    here = explain(model, [picture(0), picture(1)])
    np.testing.assert_allclose(there["map"].numpy(), here.maps, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(there["class_index"].numpy(), here.class_index)
    direct = loaded.signatures["explain_cam"](**{INPUT: tf.constant(batch_of(0)), "class_index": tf.constant([-1])})
    np.testing.assert_allclose(direct["map"].numpy(), here.maps[:1], rtol=1e-4, atol=1e-5)
