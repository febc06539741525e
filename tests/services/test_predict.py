"""Tensors in, tensors out; image signatures held against the graph's own answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import InvalidArgument, Unimplemented
from lightship.lifecycle import Servable, ServableId, load_servable
from lightship.protos import Example
from lightship.saved_model.reader import read_saved_model
from lightship.services import check_signature, predict
from lightship.services.hints import with_expected_shapes


def strings(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def example(image: bytes, feature: str = "image/encoded") -> bytes:
    message = Example()
    message.features.feature[feature].bytes_list.value.append(image)
    return bytes(message.SerializeToString())


@pytest.fixture(scope="session")
def graph(dog_bundle: Path) -> Iterator[Engine]:
    """The exported graph, run by TensorFlow alone."""
    version = dog_bundle / "1"
    engine = load_engine(version, read_saved_model(version), EngineOptions(engine="tensorflow"))
    yield engine
    engine.close()


def test_the_default_signature_has_no_name(half: Servable) -> None:
    assert check_signature(half, "").name == "serving_default"
    assert check_signature(half, "regress_x_to_y").name == "regress_x_to_y"


def test_a_missing_signature_has_tensorflow_servings_text(half: Servable) -> None:
    with pytest.raises(InvalidArgument, match='^Serving signature name: "nope" not found in signature def$'):
        check_signature(half, "nope")


def test_tensors_are_answered_by_the_engine(half: Servable) -> None:
    x = np.array([[1.0], [2.0]], np.float32)
    assert predict(half, check_signature(half, ""), {"x": x})["y"].tolist() == [[2.5], [3.0]]


@pytest.mark.tensorflow
def test_examples_are_parsed_by_the_graph(half: Servable) -> None:
    message = Example()
    message.features.feature["x"].float_list.value.append(80.0)
    inputs = {"inputs": strings(message.SerializeToString())}
    assert predict(half, check_signature(half, "regress_x_to_y"), inputs)["outputs"].tolist() == [[42.0]]


@pytest.mark.parametrize("signature", ["image_bytes", "classify"])
def test_image_signatures_answer_as_the_graph_does(
    dog: Servable, graph: Engine, photos: list[Path], signature: str
) -> None:
    images = [photo.read_bytes() for photo in photos[:2]]
    definition = check_signature(dog, signature)
    (key,) = definition.inputs
    inputs = {key: strings(*(images if signature == "image_bytes" else map(example, images)))}
    got, wanted = predict(dog, definition, inputs), graph.run(signature, inputs)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
    texts = "labels" if signature == "image_bytes" else "classes"
    assert got[texts][:, 0].tolist() == wanted[texts][:, 0].tolist()
    np.testing.assert_allclose(got["scores"], wanted["scores"], atol=0.01)


def test_image_signatures_need_no_tensorflow(dog: Servable, dog_photo: Path) -> None:
    predict(dog, check_signature(dog, "image_bytes"), {"image_bytes": strings(dog_photo.read_bytes())})
    assert dog.engine.name == "openvino"


def test_some_outputs_of_an_image_signature(dog: Servable, dog_photo: Path) -> None:
    inputs = {"image_bytes": strings(dog_photo.read_bytes())}
    outputs = predict(dog, check_signature(dog, "image_bytes"), inputs, ["labels"])
    assert list(outputs) == ["labels"]
    assert outputs["labels"][0, 0] == b"bull_mastiff"


def test_no_images_give_no_rows(dog: Servable, dog_classes: list[str]) -> None:
    outputs = predict(dog, check_signature(dog, "image_bytes"), {"image_bytes": strings()})
    assert {name: array.shape for name, array in outputs.items()} == dict.fromkeys(
        ("labels", "scores"), (0, len(dog_classes))
    )


def test_an_image_signature_takes_a_list_of_images(dog: Servable, dog_photo: Path) -> None:
    signature = check_signature(dog, "image_bytes")
    with pytest.raises(InvalidArgument, match=r"has shape \[1, 1\]; give a list"):
        predict(dog, signature, {"image_bytes": strings(dog_photo.read_bytes()).reshape(1, 1)})
    with pytest.raises(InvalidArgument, match="string but float is provided"):
        predict(dog, signature, {"image_bytes": np.ones(1, np.float32)})


def test_an_example_without_an_image_is_named(dog: Servable, dog_photo: Path) -> None:
    signature, good = check_signature(dog, "classify"), example(dog_photo.read_bytes())
    with pytest.raises(InvalidArgument, match="example 1 must have one image .* these features: picture"):
        predict(dog, signature, {"inputs": strings(good, example(b"", "picture"))})
    with pytest.raises(InvalidArgument, match="Could not parse example input 0"):
        predict(dog, signature, {"inputs": strings(b"\xff\xff")})


@pytest.mark.tensorflow
def test_a_convolution_that_is_given_other_channels_says_how_many_are_expected(tmp_path: Path) -> None:
    """TensorFlow refuses three channels for one with UNIMPLEMENTED, because it takes them for groups."""
    import tensorflow as tf

    class Grey(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="x")])
        def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, tf.ones((3, 3, 1, 6)), 1, "SAME"), tf.ones(6)))}

    model = Grey()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"serving_default": model.predict})
    servable = load_servable(ServableId("grey", 1), tmp_path / "1")
    try:
        with pytest.raises(Unimplemented, match="group") as caught:
            predict(servable, check_signature(servable, ""), {"x": np.ones((1, 8, 8, 3), np.float32)})
    finally:
        servable.close()
    told = with_expected_shapes(caught.value)
    assert (type(told), told.message.partition(": ")[0]) == (
        Unimplemented,
        'input "x" has shape [1, 8, 8, 3], but [?, 8, 8, 1] is expected',
    )
