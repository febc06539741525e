"""Which models get explanations at their export, by which layer and methods, and what they say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tests.packaging.conftest import PETS, SPEC, images, signature
from tests.packaging.explained_models import expected_maps

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import load_engine
from lightship.errors import InvalidArgument
from lightship.packaging import explain_graph, export, signatures
from lightship.packaging.arguments import named_as_options

layers = keras.layers
PLAIN = [layers.GlobalAveragePooling2D, lambda: layers.Dropout(0.2), lambda: layers.Dense(3, "softmax", name="breed")]
GRADIENTS = ["grad-cam", "hirescam", "grad-cam++"]
pytestmark = pytest.mark.filterwarnings("ignore::lightship.packaging.UninformativeGoldenWarning")


def network(*head: Callable[[], Any], nested: bool = False) -> keras.Model:
    keras.utils.set_random_seed(1)
    body = [layers.Conv2D(8, 3, activation="relu", name="first"), layers.Conv2D(6, 3, strides=2, name="second")]
    inner = [keras.Sequential([keras.Input((16, 16, 3)), *body], name="base")] if nested else body
    return keras.Sequential([keras.Input((16, 16, 3), name="photo"), *inner, *(make() for make in head)])


def exported(model: keras.Model, folder: Path, **options: Any) -> Bundle:
    version = export(model, folder / "m", classes=PETS, image=SPEC, **options)
    return open_bundle(version, "m", int(version.name))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Bundle]:
    model = network(*PLAIN)
    return model, exported(model, tmp_path_factory.mktemp("plain"))


def test_explanations_and_images_are_traced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden sample is explained by the graphs that are saved, and all signatures share the graph for images."""
    traced: list[str] = []

    def noted(module: Any, name: str) -> None:
        function = getattr(module, name)

        def noting(*arguments: Any) -> Any:
            traced.append(name)
            return function(*arguments)

        monkeypatch.setattr(module, name, noting)

    noted(explain_graph, "gradient")
    noted(explain_graph, "grad_cam")
    noted(signatures, "preprocess_in_graph")
    exported(network(*PLAIN), tmp_path)
    assert sorted(traced) == ["grad_cam", "gradient", "preprocess_in_graph"]


def head(kind: str) -> list[Callable[[], Any]]:
    """The last layers of a classifier."""
    pool = layers.GlobalAveragePooling2D
    match kind:
        case "convolution":
            return [lambda: pool(keepdims=True), lambda: layers.Conv2D(3, 1), layers.Flatten, layers.Softmax]
        case "pool":
            dense = [lambda: layers.Dense(3), lambda: layers.Activation("sigmoid")]
            return [lambda: layers.AveragePooling2D(6), layers.Flatten, *dense]
        case "two dense layers":
            return [pool, lambda: layers.Dense(4, "tanh"), lambda: layers.Dense(3, "softmax")]
        case "maximum":
            return [layers.GlobalMaxPooling2D, lambda: layers.Dense(3, "softmax")]
        case "flat":
            return [layers.Flatten, lambda: layers.Dense(3, "softmax")]
    return PLAIN


@pytest.mark.parametrize(
    ("kind", "nested", "methods"),
    [
        ("plain", True, ["cam", *GRADIENTS]),
        ("convolution", False, ["cam", *GRADIENTS]),
        ("pool", False, ["cam", *GRADIENTS]),
        ("two dense layers", False, GRADIENTS),
        ("maximum", False, GRADIENTS),
        ("flat", True, GRADIENTS),
    ],
)
def test_the_head_decides_on_the_methods(tmp_path: Path, kind: str, nested: bool, methods: list[str]) -> None:
    bundle = exported(network(*head(kind), nested=nested), tmp_path)
    assert bundle.explain is not None
    assert (bundle.explain.layer, list(bundle.explain.methods)) == ("second", methods)
    assert bundle.explain.default == methods[0]
    call = signature(bundle.path, bundle.explain.methods[methods[0]])
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    outputs = call(**{name: images(3), "class_index": [-1, 0, 2]})
    assert outputs["map"].shape == (3, 6, 6)
    assert outputs["class_index"][1:].tolist() == [0, 2]
    if methods[0] == "cam":  # its bias is 0 in these models
        np.testing.assert_allclose(outputs["map"].mean((1, 2)), outputs["logit"], rtol=1e-5, atol=1e-6)


def test_maps_are_those_of_the_trained_model_on_both_engines(plain: tuple[keras.Model, Bundle]) -> None:
    model, bundle = plain
    assert bundle.explain is not None
    x = images(3)
    expected = expected_maps(model, "second", x, "breed")
    scores = np.asarray(model(x))
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    engine = load_engine(bundle.path, bundle.saved_model)
    for method, internal in bundle.explain.methods.items():
        inputs = {name: x, "class_index": np.full(3, -1, np.int32)}
        for outputs in (signature(bundle.path, internal)(**inputs), engine.run(internal, inputs)):
            scale = np.abs(expected[method]).max()
            np.testing.assert_allclose(outputs["map"], expected[method], rtol=1e-5, atol=1e-5 * scale)
            np.testing.assert_array_equal(outputs["class_index"], scores.argmax(1))
            np.testing.assert_allclose(outputs["score"], scores.max(1), rtol=1e-5)
            np.testing.assert_allclose(outputs["logit"], expected["logit"], rtol=1e-5)
        assert engine.engine_of(internal) == "openvino"
    engine.close()


def test_the_golden_sample_proves_them_without_tensorflow(plain: tuple[keras.Model, Bundle], tmp_path: Path) -> None:
    _, bundle = plain
    script = """
import sys
from pathlib import Path
from lightship.engines.base import EngineOptions
from lightship.engines.openvino import trying
from lightship.engines.openvino.trial_request import request_for
from lightship.saved_model.reader import read_saved_model

version, out, *names = sys.argv[1:]
for name in names:
    request = request_for(Path(version), read_saved_model(Path(version)).signatures[name], EngineOptions())
    print(name, trying.work(request, Path(out))["proof"])
assert "tensorflow" not in sys.modules
"""
    names = sorted(bundle.internal_signatures)
    command = [sys.executable, "-c", script, str(bundle.path), str(tmp_path), *names]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines() == [f"{name} golden sample" for name in names]


def test_maps_that_are_not_the_stored_ones_are_left_to_tensorflow(
    plain: tuple[keras.Model, Bundle], tmp_path: Path
) -> None:
    _, bundle = plain
    copy = tmp_path / "1"
    shutil.copytree(bundle.path, copy)
    assert bundle.golden is not None
    first = dict(bundle.golden.explained["explain_cam"])
    first["map"] = first["map"] * 1.1
    golden = replace(bundle.golden, explained={**bundle.golden.explained, "explain_cam": first})
    golden.save(copy / "assets.extra" / "golden.npz")
    engine = load_engine(copy, bundle.saved_model)
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    for internal in ("explain_cam", "explain_grad_cam"):
        engine.run(internal, {name: images(1), "class_index": np.array([-1], np.int32)})
    reports = {report.signature: report for report in engine.reports()}
    assert reports["explain_cam"].engine == "tensorflow"
    assert "differ from the trained model's: output 'map'" in reports["explain_cam"].reason
    assert (reports["explain_grad_cam"].engine, reports["explain_grad_cam"].proof) == ("openvino", "golden sample")
    engine.close()


@pytest.mark.parametrize("index", [3, -2, 2**31 - 1, -(2**31)])
def test_a_class_that_does_not_exist_is_an_error_on_both_engines(plain: tuple[keras.Model, Bundle], index: int) -> None:
    from tensorflow.errors import InvalidArgumentError

    _, bundle = plain
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    inputs = {name: images(2), "class_index": np.array([0, index], np.int32)}
    engine = load_engine(bundle.path, bundle.saved_model)
    for internal in ("explain_cam", "explain_hirescam"):
        with pytest.raises(InvalidArgument, match="is not in"):
            engine.run(internal, inputs)
        with pytest.raises(InvalidArgumentError):
            signature(bundle.path, internal)(**inputs)
    engine.close()


def test_encoded_images_are_explained_by_tensorflow_alone(
    plain: tuple[keras.Model, Bundle], photos: list[Path]
) -> None:
    from tensorflow.errors import InvalidArgumentError

    from lightship.images.prepare import prepare

    _, bundle = plain
    assert bundle.image is not None
    encoded = [photo.read_bytes() for photo in photos[:2]]
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    arrays = np.stack([prepare(one, bundle.image) for one in encoded])
    engine = load_engine(bundle.path, bundle.saved_model)
    for classes in ([-1, -1], [2, 0]):
        index = np.array(classes, np.int32)
        expected = engine.run("explain_cam", {name: arrays, "class_index": index})
        public = "explain" if classes[0] < 0 else "explain_class"
        given = {} if classes[0] < 0 else {"class_index": index}
        outputs = signature(bundle.path, public)(image_bytes=encoded, **given)
        assert outputs.keys() == {"map", "class_index", "label", "score"}
        np.testing.assert_array_equal(outputs["class_index"], expected["class_index"])
        assert [label.decode() for label in outputs["label"]] == [PETS[one] for one in expected["class_index"]]
        np.testing.assert_allclose(outputs["map"], expected["map"], rtol=1e-3, atol=1e-3)
    for wrong in ([0, 3], [0, -1]):
        with pytest.raises(InvalidArgumentError, match="class_index must be from 0 to 2"):
            signature(bundle.path, "explain_class")(image_bytes=encoded, class_index=wrong)
    engine.close()


def test_a_given_layer_is_explained(tmp_path: Path) -> None:
    model = network(*PLAIN, nested=True)
    bundle = exported(model, tmp_path, explain="first")
    assert bundle.explain is not None
    assert (bundle.explain.layer, list(bundle.explain.methods)) == ("first", GRADIENTS)
    x = images(2)
    expected = expected_maps(model, "first", x, "breed")
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    for method, internal in bundle.explain.methods.items():
        outputs = signature(bundle.path, internal)(**{name: x, "class_index": np.full(2, -1, np.int32)})
        scale = np.abs(expected[method]).max()
        np.testing.assert_allclose(outputs["map"], expected[method], rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("secnd", "explain= is 'secnd', but the model has no such layer; did you mean 'second'?"),
        ("breed", "explain= is 'breed', whose output is [N, 3]: give a layer before the scores"),
        ("", "explain is ''"),
        (True, "explain is True"),
    ],
)
def test_a_layer_that_does_not_fit_is_an_error_that_names_those_that_do(tmp_path: Path, layer: Any, text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        exported(network(*PLAIN), tmp_path, explain=layer)
    assert refused.value.message.startswith(text)
    if layer and layer is not True:
        assert "those that fit are second, first" in refused.value.message
    assert not (tmp_path / "m").exists()


def test_the_command_names_its_option(tmp_path: Path) -> None:
    with named_as_options(), pytest.raises(InvalidArgument, match="--explain-layer is 'secnd'"):
        exported(network(*PLAIN), tmp_path, explain="secnd")


def test_explanations_can_be_left_out(tmp_path: Path) -> None:
    bundle = exported(network(*PLAIN), tmp_path, explain=False)
    assert bundle.explain is None
    assert not [name for name in bundle.saved_model.signatures if name.startswith("explain")]


def test_what_cannot_be_explained_is_exported_with_a_note(tmp_path: Path) -> None:
    flat = keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, "softmax")])
    notes: list[str] = []
    assert exported(flat, tmp_path, progress=notes.append).explain is None
    assert (
        "explanations are left out: no layer has an output [N, height, width, channels] with more than one pixel"
        in notes
    )
    flat.export(tmp_path / "saved", verbose=False)
    assert exported(tmp_path / "saved", tmp_path, progress=notes.append).explain is None
    assert any(note.startswith("explanations are left out: a SavedModel does not tell its layers") for note in notes)
    with pytest.raises(InvalidArgument, match="explain= is 'x', but the model has no such layer: .*the model has none"):
        exported(flat, tmp_path, explain="x")


@pytest.mark.filterwarnings("ignore::lightship.packaging.PreprocessedTwiceWarning")
def test_no_map_is_made_of_the_colours_of_the_image(tmp_path: Path) -> None:
    """As in a vision transformer, whose only layers with an image as output preprocess it."""
    keras.utils.set_random_seed(1)
    photo, scaled = keras.Input((16, 16, 3)), layers.Rescaling(1 / 255, name="scaled")
    tokens = layers.Dense(4, "relu")(layers.Reshape((64, 12))(scaled(photo)))
    model = keras.Model(photo, layers.Dense(3, "softmax")(layers.Flatten()(tokens)))
    notes: list[str] = []
    assert exported(model, tmp_path, progress=notes.append).explain is None
    (note,) = [one for one in notes if one.startswith("explanations are left out")]
    assert "'scaled', and no layer with weights comes before it" in note
    given = exported(model, tmp_path, explain="scaled").explain
    assert given is not None
    assert given.layer == "scaled"


@pytest.mark.filterwarnings("ignore::lightship.packaging.PreprocessedTwiceWarning")
def test_colours_of_the_image_are_explained_where_the_map_is_exact(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Rescaling(1 / 255, name="scaled"), *(one() for one in PLAIN)]
    )
    explain = exported(model, tmp_path).explain
    assert explain is not None
    assert (explain.layer, explain.default) == ("scaled", "cam")


def test_a_branch_is_not_taken_for_all_of_a_block(tmp_path: Path) -> None:
    """In an Inception network that takes small images, only branches of the last block have several pixels."""
    photo = keras.Input((16, 16, 3))
    before = layers.Conv2D(6, 3, strides=4, name="before")(photo)
    narrow = layers.Conv2D(4, 4, name="last")(layers.Conv2D(4, 1, name="branch")(before))
    both = layers.Concatenate()([layers.MaxPooling2D(4)(before), narrow])
    explain = exported(keras.Model(photo, layers.Dense(3, "softmax")(layers.Flatten()(both))), tmp_path).explain
    assert explain is not None
    assert explain.layer == "before"


def test_one_of_several_networks_is_explained_where_no_layer_belongs_to_all(tmp_path: Path) -> None:
    photo = keras.Input((16, 16, 3))
    answers = [layers.GlobalAveragePooling2D()(layers.Conv2D(3, 3, name=name)(photo)) for name in ("one", "two")]
    explain = exported(keras.Model(photo, layers.Softmax()(layers.Average()(answers))), tmp_path).explain
    assert explain is not None
    assert explain.layer in ("one", "two")


def test_operations_that_share_a_device_with_the_input_are_copied(tmp_path: Path) -> None:
    standardized = layers.Lambda(tf.image.per_image_standardization, output_shape=(16, 16, 3))
    photo = keras.Input((16, 16, 3))
    bundle = exported(keras.Model(photo, network(*PLAIN)(standardized(photo))), tmp_path)
    assert bundle.explain is not None
    assert (bundle.explain.layer, bundle.explain.default) == ("second", "cam")


def test_a_layer_of_a_model_with_two_inputs_is_an_error(tmp_path: Path) -> None:
    photo, other = keras.Input((8, 8, 3)), keras.Input((1,))
    both = keras.Model([photo, other], layers.Concatenate()([layers.Flatten()(photo), other]))
    with pytest.raises(InvalidArgument, match="this model cannot be explained: the model has 2 inputs, not one"):
        export(both, tmp_path / "m", explain="flatten")


def test_a_version_that_is_exported_again_keeps_its_explanations(
    plain: tuple[keras.Model, Bundle], tmp_path: Path, photos: list[Path]
) -> None:
    _, bundle = plain
    others = ["a", "b", "c"]
    again = open_bundle(export(bundle.path, tmp_path / "m", classes=others), "m", 1)
    assert again.explain == bundle.explain
    encoded = [photos[0].read_bytes()]
    before, now = (signature(one.path, "explain")(image_bytes=encoded) for one in (bundle, again))
    np.testing.assert_allclose(now["map"], before["map"], rtol=1e-6)
    assert now["label"][0].decode() == others[int(before["class_index"][0])]
    without = open_bundle(export(bundle.path, tmp_path / "m", classes=others, explain=False), "m", 2)
    assert without.explain is None
    assert not [name for name in without.saved_model.signatures if name.startswith("explain")]
    with pytest.raises(InvalidArgument, match="this SavedModel explains its layer 'second'"):
        export(bundle.path, tmp_path / "m", explain="first")


def test_one_score_and_half_precision_are_explained_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    half = [layers.Conv2D(4, 3, dtype="mixed_float16", name="half"), layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((16, 16, 3)), *half, layers.Dense(1, "sigmoid")])
    version = export(model, tmp_path / "m", classes=["dog"], image=SPEC)
    bundle = open_bundle(version, "m", 1)
    assert bundle.explain is not None
    assert bundle.explain.default == "cam"
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    outputs = signature(version, "explain_cam")(**{name: images(2), "class_index": [-1, 0]})
    assert outputs["map"].dtype == np.float32
    np.testing.assert_allclose(outputs["map"].mean((1, 2)), outputs["logit"], rtol=0.02, atol=0.01)
