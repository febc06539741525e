"""Every kind of trained model is exported, and TensorFlow alone gives its own answers by every signature."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.packaging.conftest import DATA, PETS, SPEC, classifier, example, images, signature

from lightship.bundle.bundle import open_bundle
from lightship.engines import load_engine
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError, NotFound
from lightship.images.prepare import prepare
from lightship.images.spec import ImageSpec
from lightship.packaging import export
from lightship.packaging.sources import open_source

Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# Most of these models are exported without an image spec, which is warned about.
pytestmark = pytest.mark.filterwarnings("ignore::lightship.packaging.MissingImageSpecWarning")


def answers_alike(version: Path, answer: Answer, photos: list[Path]) -> None:
    """All three signatures on TensorFlow, and `serving_default` on the serving engine, against the model itself."""
    bundle = open_bundle(version, "m", 1)
    assert bundle.image is not None
    assert bundle.labels is not None
    encoded = [photo.read_bytes() for photo in photos]
    x = np.stack([prepare(photo, bundle.image) for photo in encoded])
    wanted = answer(x)
    assert np.abs(wanted[0] - wanted[1]).max() > 1e-3
    (key,) = bundle.saved_model.signatures["serving_default"].inputs
    (scores,) = signature(version)(**{key: x}).values()
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
    (scores,) = load_engine(version, bundle.saved_model).run("serving_default", {key: x}).values()
    np.testing.assert_allclose(scores, wanted, atol=1e-4)
    order = np.argsort(-wanted, axis=1, kind="stable")
    for name, inputs, labels in (
        ("image_bytes", {"image_bytes": encoded}, "labels"),
        ("classify", {"inputs": [example(one) for one in encoded]}, "classes"),
    ):
        ranked = signature(version, name)(**inputs)
        np.testing.assert_allclose(ranked["scores"], np.take_along_axis(wanted, order, 1), atol=1e-3)
        assert [row[0].decode() for row in ranked[labels]] == [bundle.labels[row[0]] for row in order]


def predict(model: keras.Model) -> Answer:
    return lambda x: np.array(model(x, training=False))


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_keras_file(tmp_path: Path, model: keras.Model, photos: list[Path], name: str) -> None:
    model.save(tmp_path / name)
    version = export(tmp_path / name, tmp_path / "m", classes=PETS, image=SPEC)
    answers_alike(version, predict(model), photos[:2])


def test_a_keras_file_unpacked(tmp_path: Path, model: keras.Model, photos: list[Path]) -> None:
    model.save(tmp_path / "m.keras")
    zipfile.ZipFile(tmp_path / "m.keras").extractall(tmp_path / "unpacked")
    version = export(tmp_path / "unpacked", tmp_path / "m", classes=PETS, image=SPEC)
    answers_alike(version, predict(model), photos[:2])


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner = classifier()

    def call(self, photo: object, training: bool = False) -> object:
        return self.inner(photo, training=training)


def test_a_subclassed_model_that_was_called(tmp_path: Path, photos: list[Path]) -> None:
    model = Subclassed()
    model(images())
    answers_alike(export(model, tmp_path / "m", classes=PETS, image=SPEC), predict(model), photos[:2])


def test_a_subclassed_model_that_was_not_called_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"model\(batch\)"):
        export(Subclassed(), tmp_path / "m")
    with pytest.raises(FailedPrecondition, match=r"keras\.Input\(shape\)"):
        export(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "m")


def test_a_sequential_model_without_an_input_that_was_built(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 4))
    x = np.eye(4, dtype=np.float32)
    (y,) = signature(export(model, tmp_path / "m"))(**{key_of(tmp_path / "m/1"): x}).values()
    np.testing.assert_allclose(y, predict(model)(x), rtol=1e-5)


def key_of(version: Path) -> str:
    (key,) = open_bundle(version, "m", 1).saved_model.signatures["serving_default"].inputs
    return key


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")
@pytest.mark.parametrize("kind", ["functional", "dictionary", "subclassed"])
def test_several_inputs_and_outputs_keep_keras_names(tmp_path: Path, kind: str) -> None:
    model = two_by_two(kind)
    model.export(tmp_path / "keras", verbose=False)
    version = export(model, tmp_path / "m")
    theirs, ours = open_bundle(tmp_path / "keras", "m", 1), open_bundle(version, "m", 1)
    forms = [
        {name: spec.shape for name, spec in (one.inputs | one.outputs).items()}
        for one in (bundle.saved_model.signatures["serving_default"] for bundle in (theirs, ours))
    ]
    assert forms[0] == forms[1]
    assert ours.golden is not None
    inputs = dict(ours.golden.inputs)
    for name, value in signature(tmp_path / "keras")(**inputs).items():
        np.testing.assert_allclose(ours.golden.outputs[name], value, rtol=1e-5)


def two_by_two(kind: str) -> keras.Model:
    left, right = keras.Input((3,), name="z"), keras.Input((5,), name="a-1")
    low, high = keras.layers.Dense(2)(left), keras.layers.Dense(4)(right)
    if kind == "functional":
        return keras.Model([left, right], [low, high])
    inner = keras.Model({"z": left, "a-1": right}, {"low": low, "high": high})
    if kind == "dictionary":
        return inner

    class Wrapped(keras.Model):
        def call(self, inputs: object) -> object:
            return inner(inputs)

    model = Wrapped()
    model.inner = inner
    model({"z": np.zeros((1, 3), np.float32), "a-1": np.zeros((1, 5), np.float32)})
    return model


def test_a_name_that_no_graph_can_hold_is_mended(tmp_path: Path) -> None:
    inputs = keras.Input((3,), name="my photo:0")
    assert key_of(export(keras.Model(inputs, keras.layers.Dense(2)(inputs)), tmp_path / "m")) == "my_photo_0"


@pytest.mark.parametrize("with_labels", [True, False])
def test_the_older_layout_of_keras_2_and_a_pickled_frame(
    tmp_path: Path, keras2: Path, photos: list[Path], with_labels: bool
) -> None:
    classes, fit = (None, "stretch") if with_labels else (["x", "y", "z"], "crop_or_pad")
    image = ImageSpec(fit=fit, preprocessing={"scale": 1 / 255})
    version = export(keras2, tmp_path / "m", classes=classes, image=image)
    assert open_bundle(version, "m", 1).labels == (("cat", "dog", "bär") if with_labels else ("x", "y", "z"))
    original = signature(keras2 / "model")
    answers_alike(version, lambda x: original(photo=x)["breed"], photos[:2])


def test_the_older_layout_may_hold_a_keras_file(tmp_path: Path, model: keras.Model) -> None:
    (tmp_path / "old" / "model").mkdir(parents=True)
    model.save(tmp_path / "old" / "model" / "m.keras")
    shutil.copyfile(DATA / "classes_pandas_3.0.0_5.pickle", tmp_path / "old" / "classes.pickle")
    assert open_bundle(export(tmp_path / "old", tmp_path / "m", golden=[]), "m", 1).labels == tuple(PETS)


def test_the_older_layout_may_be_the_models_own_folder(tmp_path: Path, keras2: Path) -> None:
    shutil.copytree(keras2, tmp_path / "m")
    assert export(tmp_path / "m", tmp_path / "m") == tmp_path / "m" / "1"


def test_a_hostile_classes_pickle_leaves_nothing(tmp_path: Path, keras2: Path) -> None:
    shutil.copytree(keras2, tmp_path / "old")
    (tmp_path / "old" / "classes.pickle").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(InvalidArgument, match=r"classes=THAT_FILE"):
        export(tmp_path / "old", tmp_path / "m")
    assert not (tmp_path / "m").exists()
    assert export(tmp_path / "old", tmp_path / "m", classes=PETS).name == "1"


def test_a_saved_model_of_tensorflow_1(tmp_path: Path, photos: list[Path]) -> None:
    source = tensorflow_1_model(tmp_path / "source")
    original = signature(source)
    plain = export(source, tmp_path / "plain")
    x = images()
    np.testing.assert_array_equal(signature(plain)(photo=x)["y"], original(photo=x)["y"])
    answers_alike(
        export(source, tmp_path / "m", classes=["a", "b"], image=SPEC), lambda x: original(photo=x)["y"], photos[:2]
    )


def tensorflow_1_model(folder: Path) -> Path:
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        photo = v1.placeholder(tf.float32, [None, 16, 16, 3])
        weights = v1.get_variable("w", initializer=np.array([[3, -2], [1, 2], [-4, 1]], np.float32))
        scores = tf.nn.softmax(tf.reduce_mean(photo, [1, 2]) @ weights)
        session.run(v1.global_variables_initializer())
        inputs, outputs = ({key: v1.saved_model.build_tensor_info(x)} for key, x in (("photo", photo), ("y", scores)))
        described = v1.saved_model.build_signature_def(inputs, outputs, "tensorflow/serving/predict")
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": described})
        builder.save()
    return folder


def test_a_keras_2_saved_model_gives_what_keras_2_gave(tmp_path: Path, keras2: Path) -> None:
    stored = np.load(DATA / "keras2_answer.npz")
    plain = export(keras2 / "model", tmp_path / "m")
    full = export(keras2 / "model", tmp_path / "m", classes=PETS, image=ImageSpec(preprocessing={"scale": 1 / 255}))
    for version in (plain, full):
        np.testing.assert_allclose(signature(version)(photo=stored["x"])["breed"], stored["y"], atol=1e-5)
    assert (plain / "saved_model.pb").read_bytes() == (keras2 / "model/saved_model.pb").read_bytes()
    assert (plain / "keras_metadata.pb").exists()


def test_a_saved_model_of_keras_3(tmp_path: Path, model: keras.Model, photos: list[Path]) -> None:
    model.export(tmp_path / "keras3", verbose=False)
    version = export(tmp_path / "keras3", tmp_path / "m", classes=PETS, image=SPEC)
    answers_alike(version, predict(model), photos[:2])


def test_a_saved_model_keeps_all_of_its_signatures_and_their_methods(tmp_path: Path, half_plus_two: Path) -> None:
    version = export(half_plus_two / "123", tmp_path / "m")
    bundle = open_bundle(version, "m", 1)
    assert {"serving_default", "classify_x_to_y", "regress_x_to_y"} <= set(bundle.saved_model.signatures)
    assert bundle.image_signatures == frozenset()
    assert bundle.golden is not None
    np.testing.assert_allclose(bundle.golden.outputs["y"], bundle.golden.inputs["x"] * 0.5 + 2)


def test_saving_again_keeps_signatures_methods_and_files_of_the_user(tmp_path: Path) -> None:
    import tensorflow as tf

    source = image_module(tmp_path / "source")
    (source / "assets.extra").mkdir()
    tf.io.TFRecordWriter(str(source / "assets.extra/tf_serving_warmup_requests")).close()
    image = ImageSpec(height=4, width=4, preprocessing="none")
    version = export(source, tmp_path / "m", classes=["a", "b", "c"], image=image)
    signatures = open_bundle(version, "m", 1).saved_model.signatures
    assert set(signatures) >= {"serving_default", "double", "image_bytes", "classify"}
    assert signatures["double"].method_name == "tensorflow/serving/regress"
    assert (version / "assets.extra/tf_serving_warmup_requests").stat().st_size == 0
    x = np.ones((2, 4, 4, 3), np.float32)
    np.testing.assert_allclose(signature(version, "double")(x=x)["y"], 2 * signature(version)(x=x)["scores"])


def image_module(folder: Path) -> Path:
    """`tf.saved_model.save` of a model that takes images of any size, with a second signature that regresses."""
    import tensorflow as tf

    from lightship.packaging.signatures import set_method_names

    module = tf.Module()
    module.weights = tf.Variable([1.0, -2.0, 3.0])

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], name="x")])
    def mean(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": tf.reduce_mean(x, [1, 2]) * module.weights}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], name="x")])
    def double(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2.0 * mean(x)["scores"]}

    tf.saved_model.save(module, str(folder), {"serving_default": mean, "double": double})
    set_method_names(folder, {"double": "tensorflow/serving/regress"})
    return folder


def test_a_bundle_brings_its_own_labels_and_image(
    tmp_path: Path, pets: Path, model: keras.Model, photos: list[Path]
) -> None:
    version = export(pets / "1", tmp_path / "m")
    answers_alike(version, predict(model), photos[:2])
    assert open_bundle(version, "m", 1).image_signatures == {"image_bytes", "classify"}


def test_a_saved_model_in_its_own_models_folder_is_copied_into_a_version(tmp_path: Path, half_plus_two: Path) -> None:
    shutil.copytree(half_plus_two / "123", tmp_path / "m")
    assert export(tmp_path / "m", tmp_path / "m") == tmp_path / "m" / "1"
    assert not (tmp_path / "m" / "1" / "1").exists()


def test_strings_leave_the_golden_sample_out(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    upper = tf.function(lambda x: {"y": tf.strings.upper(x)}, [tf.TensorSpec([None], tf.string, "x")])
    tf.saved_model.save(module, str(tmp_path / "source"), upper)
    reported: list[str] = []
    bundle = open_bundle(export(tmp_path / "source", tmp_path / "m", progress=reported.append), "m", 1)
    assert bundle.golden is None
    assert any(step.startswith("there is no golden sample") for step in reported)


def test_without_a_golden_sample_an_export_says_why_servers_need_tensorflow(tmp_path: Path) -> None:
    import tensorflow as tf

    def code_points(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": tf.strings.unicode_decode(x, "UTF-8").flat_values}

    module = tf.Module()
    tf.saved_model.save(module, str(tmp_path / "source"), tf.function(code_points, [tf.TensorSpec([None], tf.string)]))
    reported: list[str] = []
    export(tmp_path / "source", tmp_path / "m", progress=reported.append)
    assert any(step.startswith("servers need TensorFlow for this model: UnicodeDecode") for step in reported)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda path: path / "no.keras", NotFound, "does not exist: give a .keras"),
        (lambda path: write(path / "m.txt"), InvalidArgument, "not a .keras, .h5, .hdf5 file"),
        (lambda path: write(path / "m.weights.h5"), InvalidArgument, "only weights"),
        (lambda path: write(path / "m.keras"), InvalidArgument, "m.keras is not a .keras file, although its name"),
        (lambda path: write(path / "m.h5"), InvalidArgument, "m.h5 is not an HDF5 file, although its name"),
        (lambda path: write(path / "m.keras", b""), InvalidArgument, "m.keras is an empty file"),
        (lambda path: write(path / "m.keras", b"PK\x05\x06" + bytes(18)), InvalidArgument, "without a Keras model"),
        (lambda path: write(path / "1" / "x").parents[1], InvalidArgument, "is a folder of versions: give one of them"),
        (lambda path: write(path / "x" / "y").parents[1], InvalidArgument, "contains no model"),
        (lambda path: write(path / "saved_model.pb").parent, LightshipError, "saved_model.pb"),
        (lambda path: 3, InvalidArgument, "cannot export a builtins.int"),
        (lambda path: keras.layers.Dense(2), InvalidArgument, "give a keras.Model"),
    ],
)
def test_what_is_no_model_is_reported(tmp_path: Path, make: Callable[[Path], object], error: type, text: str) -> None:
    with pytest.raises(error) as refused:
        open_source(make(tmp_path))
    assert text in refused.value.message


def write(path: Path, content: bytes = b"something else") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


DAMAGED = "it is cut off or damaged; copy or save it again"


@pytest.mark.parametrize(
    ("saved", "name", "part", "text"),
    [
        (
            "m.keras",
            "m.keras",
            0.5,
            f"m.keras is not a whole .keras file: {DAMAGED}",
        ),
        ("m.h5", "m.h5", 0.5, f"m.h5 is not a whole HDF5 file: {DAMAGED}"),
        ("m.h5", "h.keras", 1, "h.keras is an HDF5 file: rename it to h.h5"),
        ("m.keras", "z.h5", 1, "z.h5 is a .keras file: rename it to z.keras"),
        ("m.keras", "M.KERAS", 1, "M.KERAS is a .keras file: rename it to M.keras"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*HDF5")
def test_a_damaged_or_misnamed_file_is_named_as_what_it_is(
    tmp_path: Path, model: keras.Model, saved: str, name: str, part: float, text: str
) -> None:
    model.save(tmp_path / saved)
    content = (tmp_path / saved).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InvalidArgument) as refused:
        open_source(tmp_path / name)
    assert refused.value.message == f"{tmp_path}/{text}"


def test_a_file_with_a_damaged_part_is_reported(tmp_path: Path, model: keras.Model) -> None:
    model.save(tmp_path / "m.keras")
    content = (tmp_path / "m.keras").read_bytes()
    (tmp_path / "m.keras").write_bytes(content.replace(content[1000:1008], b"DAMAGED!", 1))
    with pytest.raises(InvalidArgument, match="m.keras is not a whole .keras file"):
        open_source(tmp_path / "m.keras")


def test_a_whole_file_that_keras_cannot_load_gets_the_advice_about_custom_layers(tmp_path: Path) -> None:
    class Own(keras.layers.Layer):
        def call(self, inputs: object) -> object:
            return inputs

    for name, reason in (("m.keras", "Could not locate class 'Own'"), ("m.h5", "Unknown layer: 'Own'")):
        keras.Sequential([keras.Input((4,)), Own()]).save(tmp_path / name)
        with pytest.raises(InvalidArgument, match=f"{reason}.*custom_objects"):
            open_source(tmp_path / name)
