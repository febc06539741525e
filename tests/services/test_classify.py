"""Labels and scores of examples, and what is said where a signature or an output gives none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.example_models import example

from lightship.engines import choose
from lightship.errors import InvalidArgument
from lightship.lifecycle import Servable, ServableId, load_servable
from lightship.services import classify

TWO = [example(x=1.0), example(x=2.5)]


def test_scores_alone(inference: Servable) -> None:
    result = classify(inference, "", TWO)
    assert (result.signature, result.classes) == ("serving_default", None)
    assert result.scores is not None
    assert result.scores.dtype == np.float32
    assert result.scores.tolist() == [[2.0, 2.0], [5.0, 5.0]]


def test_labels_alone(inference: Servable) -> None:
    result = classify(inference, "classes", TWO)
    assert result.scores is None
    assert result.classes is not None
    assert result.classes.tolist() == [[b"1.0"], [b"2.5"]]


def test_labels_and_scores_in_the_models_order(inference: Servable) -> None:
    result = classify(inference, "both", TWO)
    assert result.classes is not None
    assert result.scores is not None
    assert (result.classes.tolist()[1], result.scores.tolist()[1]) == ([b"2.5", b"2.5"], [5.0, 5.0])


def test_another_output_is_left_alone(inference: Servable) -> None:
    result = classify(inference, "scores_and_more", TWO)
    assert result.scores is not None
    assert result.scores.tolist() == [[2.0], [5.0]]


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("nope", "No signature was found with the name: nope"),
        ("__saved_model_init_op", "Expected one input Tensor."),
        ("two_inputs", "Expected one input Tensor."),
        ("three_outputs", "Expected one or two output Tensors, found 3"),
        ("flat_classes", "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ("deep_scores", "Expected Tensor shape: [batch_size num_classes] but got [2,1,2]"),
        ("number_classes", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("text_scores", "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        ("more_classes", "Expected classes output batch size of 2. Got: 4"),
        ("more_scores", "Expected scores output batch size of 2. Got: 4"),
        ("wider_classes", "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
        ("numbers", "Expects arg[0] to be float but string is provided"),
    ],
)
def test_what_is_no_classification_is_reported(inference: Servable, signature: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        classify(inference, signature, TWO)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("signature", "begin", "part"),
    [
        ("another_input", "No classification inputs found in SignatureDef: inputs {", 'key: "x"'),
        (
            "neither",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: inputs {",
            'key: "y"',
        ),
    ],
)
def test_a_wrong_signature_is_shown(inference: Servable, signature: str, begin: str, part: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        classify(inference, signature, TWO)
    assert caught.value.message.startswith(begin)
    assert part in caught.value.message


def test_a_signature_is_judged_before_its_examples(inference: Servable) -> None:
    with pytest.raises(InvalidArgument, match="^Input is empty.$"):
        classify(inference, "both", [])
    with pytest.raises(InvalidArgument, match="Expected one input Tensor"):
        classify(inference, "two_inputs", [])


def test_method_names_are_checked_where_that_was_asked_for(inference: Servable) -> None:
    strict = replace(inference, check_method_names=True)
    assert classify(strict, "both", TWO).signature == "both"
    text = "^Expected classification signature method_name to be tensorflow/serving/classify. Was: "
    with pytest.raises(InvalidArgument, match=f"{text}other$"):
        classify(strict, "scores", TWO)
    with pytest.raises(InvalidArgument, match=f"{text}tensorflow/serving/predict$"):
        classify(strict, "two_inputs", TWO)


def test_an_example_that_the_graph_cannot_parse(inference: Servable) -> None:
    with pytest.raises(InvalidArgument, match="Feature: x"):
        classify(inference, "both", [example(y=1.0)])


def test_examples_are_parsed_without_tensorflow(half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "tensorflow_installed", lambda: False)
    servable = load_servable(ServableId("half", 123), half_plus_two / "123")
    result = classify(servable, "classify_x_to_y", TWO)
    assert result.scores is not None
    assert result.scores.tolist() == [[2.5], [3.25]]
    servable.close()


def test_an_exported_image_model_classifies_by_default(dog: Servable, dog_photo: Path) -> None:
    photo = example(**{"image/encoded": dog_photo.read_bytes()})
    result = classify(dog, "", [photo, photo])
    assert result.signature == "classify"
    assert result.classes is not None
    assert result.classes[:, 0].tolist() == [b"bull_mastiff", b"bull_mastiff"]
    assert dog.engine.name == "openvino"
