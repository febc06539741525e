"""What `lightship.export` writes and refuses, on a small Keras model."""

from __future__ import annotations

import errno
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.packaging.conftest import PETS, SPEC, classifier, entries, example, images, signature

from lightship.bundle.bundle import open_bundle
from lightship.bundle.manifest import EXTRAS, Manifest
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound, ResourceExhausted
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.packaging import MissingImageSpecWarning, UninformativeGoldenWarning, export
from lightship.packaging.explain_signatures import Explanations
from lightship.packaging.exporting import export_with_extras
from lightship.packaging.library_errors import reason_of

# Most of these models are exported without an image spec, which is warned about.
pytestmark = pytest.mark.filterwarnings("ignore::lightship.packaging.MissingImageSpecWarning")

# The outputs that all signatures of explanations have.
EXPLANATION = {"map": ("float", (-1, 7, 7)), "class_index": ("int32", (-1,)), "score": ("float", (-1,))}


def test_the_bundle_holds_all_of_its_parts(pets: Path) -> None:
    bundle = open_bundle(pets / "1", "pets", 1)
    assert entries(pets) == {"1"}
    assert bundle.labels == tuple(PETS)
    assert bundle.image == SPEC.sized(16, 16)
    assert bundle.image_signatures == {"image_bytes", "classify"}
    assert bundle.golden is not None
    assert len(bundle.golden.inputs["photo"]) >= 2
    assert bundle.golden.explained.keys() == bundle.internal_signatures
    extras = {"lightship.json", "labels.txt", "golden.npz", "tf_serving_warmup_requests"}
    assert entries(pets / "1" / "assets.extra") == extras


@pytest.mark.parametrize("source", ["model", "subclass", "saved_model"])
def test_each_weight_is_saved_once(tmp_path: Path, model: keras.Model, source: str) -> None:
    """Keras' own export saves each weight twice."""
    small = keras.Sequential([model, keras.layers.Dense(200), keras.layers.Dense(3)])
    small(images(2))
    given: Any = small
    if source == "subclass":
        given = Wrapped(small)
        given(images(2))
    elif source == "saved_model":
        given = tmp_path / "stock"
        small.export(given, verbose=False)
        assert weight_bytes(given) > 1.9 * 4 * small.count_params()
    version = export(given, tmp_path / "m", classes=PETS, image=SPEC)
    assert 4 * small.count_params() <= weight_bytes(version) < 1.2 * 4 * small.count_params() + 4096
    (name,) = open_bundle(version, "m", 1).saved_model.signatures["serving_default"].inputs
    (output,) = signature(version)(**{name: images(2)}).values()
    np.testing.assert_allclose(output, small(images(2)), rtol=1e-5)


class Wrapped(keras.Model):
    def __init__(self, inner: keras.Model) -> None:
        super().__init__()
        self.inner = inner

    def call(self, photo: Any) -> Any:
        return self.inner(photo)


def weight_bytes(version: Path) -> int:
    return (version / "variables" / "variables.data-00000-of-00001").stat().st_size


def test_tensorflows_graph_optimiser_is_as_before(tmp_path: Path, model: keras.Model) -> None:
    import tensorflow as tf

    options = tf.config.optimizer
    name = "disable_meta_optimizer"
    seen = []

    class Seen(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(options.get_experimental_options().get(name))
            return x

    small = keras.Sequential([model, Seen()])
    small(images(2))
    seen.clear()
    before = options.get_experimental_options().get(name, False)
    try:
        for disabled in (False, True):
            options.set_experimental_options({name: disabled})
            export(small, tmp_path / "m")
            assert options.get_experimental_options()[name] == disabled
    finally:
        options.set_experimental_options({name: before})
    assert set(seen) == {True}


def test_signatures_have_the_documented_forms(pets: Path) -> None:
    signatures = open_bundle(pets / "1", "pets", 1).saved_model.signatures
    forms = {
        name: [
            {key: (spec.dtype.label, spec.shape) for key, spec in side.items()} for side in (one.inputs, one.outputs)
        ]
        for name, one in signatures.items()
        if not name.startswith("__")
    }
    assert forms == {
        "serving_default": [{"photo": ("float", (-1, 16, 16, 3))}, {"output_0": ("float", (-1, 3))}],
        "image_bytes": [
            {"image_bytes": ("string", (-1,))},
            {"labels": ("string", (-1, 3)), "scores": ("float", (-1, 3))},
        ],
        "classify": [{"inputs": ("string", (-1,))}, {"classes": ("string", (-1, 3)), "scores": ("float", (-1, 3))}],
        "explain": [{"image_bytes": ("string", (-1,))}, EXPLANATION | {"label": ("string", (-1,))}],
        "explain_class": [
            {"image_bytes": ("string", (-1,)), "class_index": ("int32", (-1,))},
            EXPLANATION | {"label": ("string", (-1,))},
        ],
    } | dict.fromkeys(
        ("explain_grad_cam", "explain_hirescam", "explain_grad_cam_plus_plus"),
        [
            {"photo": ("float", (-1, 16, 16, 3)), "class_index": ("int32", (-1,))},
            EXPLANATION | {"logit": ("float", (-1,))},
        ],
    )
    assert signatures["classify"].method_name == "tensorflow/serving/classify"
    assert signatures["image_bytes"].method_name == "tensorflow/serving/predict"


def test_serving_default_is_named_as_keras_names_it(tmp_path: Path, model: keras.Model, pets: Path) -> None:
    model.export(tmp_path / "keras", verbose=False)
    x = images()
    theirs, ours = signature(tmp_path / "keras")(photo=x), signature(pets / "1")(photo=x)
    assert theirs.keys() == ours.keys()
    np.testing.assert_array_equal(ours["output_0"], theirs["output_0"])


def test_tensorflow_alone_gives_the_models_answers_for_photos(
    pets: Path, model: keras.Model, photos: list[Path]
) -> None:
    encoded = [photo.read_bytes() for photo in photos[:3]]
    wanted = np.array(model(np.stack([prepare(photo, SPEC.sized(16, 16)) for photo in encoded])))
    order = np.argsort(-wanted, axis=1, kind="stable")
    for name, inputs, key in (
        ("image_bytes", {"image_bytes": encoded}, "labels"),
        ("classify", {"inputs": [example(one) for one in encoded]}, "classes"),
    ):
        answer = signature(pets / "1", name)(**inputs)
        np.testing.assert_allclose(answer["scores"], np.take_along_axis(wanted, order, 1), rtol=1e-3, atol=1e-3)
        assert [[label.decode() for label in row] for row in answer[key]] == np.array(PETS)[order].tolist()


def test_no_image_and_one_image_are_batches_too(pets: Path, photos: list[Path]) -> None:
    import tensorflow as tf

    call = signature(pets / "1", "image_bytes")
    assert call(image_bytes=[photos[0].read_bytes()])["labels"].shape == (1, 3)
    assert call(image_bytes=tf.zeros([0], tf.string))["scores"].shape == (0, 3)


def test_the_next_free_version_is_written_and_an_old_one_kept(tmp_path: Path, model: keras.Model) -> None:
    (tmp_path / "m" / "007").mkdir(parents=True)
    assert export(model, tmp_path / "m") == tmp_path / "m" / "8"
    with pytest.raises(LightshipError, match="007 exists already"):
        export(model, tmp_path / "m", version=7)
    assert export(model, tmp_path / "m", version=7, overwrite=True) == tmp_path / "m" / "007"
    assert entries(tmp_path / "m") == {"007", "8"}
    assert open_bundle(tmp_path / "m" / "007", "m", 7).golden is not None


def test_without_image_or_classes_the_rest_is_there_and_the_way_to_more_is_reported(
    tmp_path: Path, model: keras.Model
) -> None:
    reported: list[str] = []
    with pytest.warns(MissingImageSpecWarning):
        bundle = open_bundle(export(model, tmp_path / "m", classes=PETS, progress=reported.append), "m", 1)
    assert (bundle.labels, bundle.image, bundle.image_signatures) == (tuple(PETS), None, frozenset())
    assert not any("image_bytes" in step for step in reported)
    bundle = open_bundle(export(model, tmp_path / "m", image=SPEC, progress=reported.append), "m", 2)
    assert (bundle.labels, bundle.image, bundle.image_signatures) == (None, SPEC.sized(16, 16), frozenset())
    assert any("give classes=" in step for step in reported)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"classes": ["cat,cow"]}, "there is 1 class ('cat,cow'), but the model's output is output_0 [N, 3]"),
        ({"classes": [*PETS, "cow"]}, "4 classes ('cat' to 'cow'), but the model's output is output_0 [N, 3]"),
        ({"classes": ["cat", "dog", "cat"]}, "'cat'"),
        ({"image": ImageSpec(height=32, preprocessing="none")}, "height is 32, but input 'photo' takes 16"),
        ({"image": ImageSpec(color="grayscale", preprocessing="none")}, "give image=ImageSpec(color='rgb')"),
        ({"image": {"preprocessing": "resnet_v3"}}, "resnet_v2"),
        ({"image": {}}, "preprocessing is missing"),
        ({"golden": "photo.jpg"}, "give image=ImageSpec(preprocessing=...)"),
        ({"golden": "photo.jpg", "image": SPEC}, "photo.jpg does not exist"),
        ({"version": 0}, "version is 0"),
        ({"version": True}, "version is True"),
    ],
)
def test_what_does_not_fit_is_an_error_and_nothing_is_left(
    tmp_path: Path, model: keras.Model, arguments: dict[str, Any], text: str
) -> None:
    with pytest.raises((InvalidArgument, NotFound)) as refused:
        export(model, tmp_path / "models" / "m", **arguments)
    assert text in refused.value.message
    assert entries(tmp_path) == set()


def test_a_model_of_any_size_needs_the_size_of_training(tmp_path: Path) -> None:
    model = classifier((None, None, 3))
    with pytest.raises(InvalidArgument, match="images of any height"):
        export(model, tmp_path / "m", classes=PETS, image=SPEC)
    bundle = open_bundle(export(model, tmp_path / "m", classes=PETS, image=SPEC.sized(20, 24)), "m", 1)
    assert bundle.image is not None
    assert bundle.image.size == (20, 24)
    assert bundle.saved_model.signatures["serving_default"].inputs["photo"].shape == (-1, -1, -1, 3)


@pytest.mark.parametrize("dtype", ["uint8", "float16"])
def test_images_of_other_types_work(tmp_path: Path, dtype: str, photos: list[Path]) -> None:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1), dtype=dtype), *layers])
    image = ImageSpec(color="grayscale", resize="bilinear", preprocessing="none")
    version = export(model, tmp_path / "m", classes=["a", "b"], image=image, golden=photos[0])
    (only,) = open_bundle(version, "m", 1).saved_model.signatures["serving_default"].inputs.values()
    assert only.dtype.numpy == dtype
    assert signature(version, "image_bytes")(image_bytes=[photos[0].read_bytes()])["labels"].shape == (1, 2)


def test_real_images_become_the_golden_sample(tmp_path: Path, model: keras.Model, photos: list[Path]) -> None:
    golden = open_bundle(export(model, tmp_path / "m", image=SPEC, golden=photos[:2]), "m", 1).golden
    assert golden is not None
    wanted = np.stack([prepare(photo.read_bytes(), SPEC.sized(16, 16)) for photo in photos[:2]])
    np.testing.assert_array_equal(golden.inputs["photo"], wanted)
    np.testing.assert_allclose(golden.outputs["output_0"], np.array(model(wanted)), rtol=1e-5)


def test_a_golden_sample_that_cannot_tell_is_warned_about(tmp_path: Path) -> None:
    model = classifier()
    for layer in model.layers:
        layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    with pytest.warns(UninformativeGoldenWarning, match="same output.*give a real photo: golden=") as caught:
        export(model, tmp_path / "m", classes=PETS, image=SPEC)
    assert "check the preprocessing" in str(caught[0].message)
    with pytest.warns() as caught:
        export(model, tmp_path / "m", classes=PETS)
    assert [one.category for one in caught] == [MissingImageSpecWarning, UninformativeGoldenWarning]
    assert all(one.filename == __file__ for one in caught)


def test_nothing_is_printed_or_warned(tmp_path: Path, model: keras.Model, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(model, tmp_path / "m", classes=PETS, image=SPEC)
    assert capfd.readouterr() == ("", "")


def test_what_made_it_is_written_down(pets: Path) -> None:
    import tensorflow as tf

    manifest = json.loads((pets / "1/assets.extra/lightship.json").read_text())
    assert manifest["format"] == 1
    assert manifest["frameworks"]["keras"] == keras.__version__
    assert manifest["frameworks"]["tensorflow"] == tf.__version__


def test_what_tensorflow_cannot_save_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    class Unsavable(keras.Model):
        def call(self, x: Any) -> Any:
            return x * float(x[0, 0])

    model = Unsavable()
    model(np.ones((1, 2), np.float32))
    with pytest.raises(FailedPrecondition, match="cannot save this model"):
        export(model, tmp_path / "m")
    assert entries(tmp_path) == set()


def dense(inputs: Any, units: int = 2, **options: Any) -> Any:
    return keras.layers.Dense(units, **options)(inputs)


def nested_outputs() -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, {"a": dense(x), "b": [dense(x), dense(x)]})


def stateful_with_one_row() -> keras.Model:
    x = keras.Input(batch_shape=(1, 5, 3))
    return keras.Model(x, keras.layers.LSTM(4, stateful=True)(x))


def layer_with_a_blank() -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, dense(x, name="out 1"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (nested_outputs, r"for key 'b' .* must be a single Tensor, a sequence of Tensors, or a dictionary from string"),
        (stateful_with_one_row, r"LSTM\.call\(\) fails: Input tensor .* shape \(1, 4\), but has shape \(None, 4\)"),
        (layer_with_a_blank, r"Functional\.call\(\) fails: 'out 1' is not a valid scope name"),
    ],
)
def test_the_reason_why_a_model_cannot_be_saved_is_told(
    tmp_path: Path, make: Callable[[], keras.Model], reason: str
) -> None:
    with pytest.raises(FailedPrecondition, match=reason) as refused:
        export(make(), tmp_path / "m")
    message = refused.value.message
    assert "\x1b" not in message
    assert "\n" not in message
    assert message.endswith("; the incomplete export was removed")


IN_USER_CODE = """in user code:

    File "model.py", line 5, in call  *
        raise ValueError("a")
    File "layer.py", line 9, in inner
        return 1

    ValueError: """

CALL = """Exception encountered when calling {}.

\x1b[1m{}\x1b[0m

Arguments received by {}:
  • x=1"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It is wrong.\nDetails follow.", "It is wrong"),
        ("", "RuntimeError"),
        (IN_USER_CODE + "it is wrong.\n", "ValueError: it is wrong"),
        (IN_USER_CODE + CALL.format("A.call()", "it is wrong", "A.call()"), "A.call() fails: it is wrong"),
        (CALL.format("A.call()", IN_USER_CODE + "it is wrong", "A.call()"), "A.call() fails: ValueError: it is wrong"),
        (CALL.format('layer "a" (type A)', "no", 'layer "a" (type A)'), 'layer "a" (type A) fails: no'),
        (CALL.format("A.call()", "", "A.call()"), "A.call() fails"),
        ("Graph execution error:\n\nDetected at node a\nit is wrong\n\t [[{{node a}}]] [Op:b]", "it is wrong"),
        ("Example for <Dense>:\n\nit is wrong\nmore", "Example for <Dense>: it is wrong"),
        ("in user code:\n\n", "RuntimeError"),
        ("Own failed.\n\nconfig={}.\n\nException encountered: it is wrong. Full object config: {}", "it is wrong"),
    ],
)
def test_the_reason_is_behind_the_headers(text: str, reason: str) -> None:
    assert reason_of(RuntimeError(text)) == reason


def test_a_long_reason_keeps_its_beginning_and_its_end() -> None:
    reason = reason_of(RuntimeError("begin " + "x" * 10_000 + " end"))
    assert reason.startswith("begin x")
    assert reason.endswith("x end")
    assert len(reason) == 600


def test_a_folder_name_that_is_too_long_is_refused(tmp_path: Path, model: keras.Model) -> None:
    folder = tmp_path / "models" / ("n" * 300)
    for version in (None, 1):
        with pytest.raises(InvalidArgument, match="its name is too long: give a shorter one"):
            export(model, folder, version=version, golden=[])
    assert entries(tmp_path) == set()
    with pytest.raises(NotFound, match="does not exist"):
        export("n" * 300, tmp_path / "m")


def test_the_names_are_the_same_however_they_are_reached() -> None:
    import lightship
    from lightship import packaging

    assert packaging.export is lightship.export is export


def test_further_files_are_in_the_version_and_in_its_digests(tmp_path: Path, model: keras.Model) -> None:
    def write(folder: Path, explanations: Explanations | None) -> None:
        assert explanations is not None
        (folder / "report.html").write_text(explanations.spec.layer)

    version = export_with_extras(model, tmp_path / "pets", classes=PETS, image=SPEC, extras=write)
    manifest = Manifest.read(version)
    assert manifest.explain is not None
    assert (version / EXTRAS / "report.html").read_text() == manifest.explain.layer
    assert manifest.covers("assets.extra/report.html")
    manifest.verify(version)


def test_a_further_file_that_cannot_be_written_leaves_no_version(tmp_path: Path, model: keras.Model) -> None:
    def write(folder: Path, explanations: Explanations | None) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ResourceExhausted, match="no space is left on the disk of"):
        export_with_extras(model, tmp_path / "pets", classes=PETS, image=SPEC, extras=write)
    assert entries(tmp_path) == set()
