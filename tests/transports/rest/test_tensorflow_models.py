"""Models that OpenVINO cannot run, through a real socket: texts, tables, parsing in the graph, changing variables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.changing_models import save_counting_model
from tests.example_models import save_inference_model
from tests.vocabulary_models import save_vocabulary_model

from lightship.lifecycle.model_config import ModelConfig
from lightship.server import Server, ServerOptions

pytestmark = pytest.mark.tensorflow

Post = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    folder = tmp_path_factory.mktemp("models")
    saves = {"words": save_vocabulary_model, "counting": save_counting_model, "inference": save_inference_model}
    for name, save in saves.items():
        (folder / name).mkdir()
        save(folder / name / "1")
    (folder / "errors").mkdir()
    save_failing_model(folder / "errors" / "1")
    models = [ModelConfig(name, folder / name) for name in (*saves, "errors")]
    options = ServerOptions(models, rest_port="auto", check_method_names=True)
    with Server(options) as server, httpx2.Client(base_url=server.rest_url, timeout=60) as http:
        assert server.wait_ready(120), server.manager.not_ready()
        yield lambda target, **body: http.post(f"/v1/models/{target}", content=json.dumps(body))


def save_failing_model(folder: Path) -> None:
    """number: texts to numbers; file: the bytes of one; filled: a long list's sum as a text; next: of nothing."""
    import tensorflow as tf

    def signature(function: Callable[[Any], Any], dtype: Any) -> Any:
        return tf.function(lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec([None], dtype, name="x")])

    signatures = {
        "number": signature(tf.strings.to_number, tf.string),
        "file": signature(lambda x: tf.io.read_file(x[0]), tf.string),
        "filled": signature(lambda x: tf.strings.as_string(tf.reduce_sum(tf.fill(x, 1.0))), tf.int64),
        "next": signature(lambda x: next(iter(tf.data.Dataset.range(0).repeat(tf.size(x, tf.int64)))), tf.string),
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)


def test_texts_go_through_a_vocabulary_file(post: Post) -> None:
    answer = post("words:predict", signature_name="predict_words", inputs=[["setosa", "rose"], ["virginica", ""]])
    assert answer.json() == {"outputs": [[0, -1], [2, -1]]}
    answer = post("words:predict", signature_name="predict_words", instances=["versicolor", {"b64": "/w=="}])
    assert answer.json() == {"predictions": [1, -1]}


def test_classify_parses_examples_in_the_graph(post: Post) -> None:
    examples = [{"words": ["setosa", "virginica", "setosa"]}, {"words": [], "bias": 0.5}]
    answer = post("words:classify", examples=examples)
    assert answer.text == (
        '{\n    "results": [[["setosa", 2.0], ["versicolor", 0.0], ["virginica", 1.0]], '
        '[["setosa", 0.5], ["versicolor", 0.5], ["virginica", 0.5]]\n    ]\n}'
    )


def test_a_context_is_what_examples_share(post: Post) -> None:
    examples = [{}, {"words": "virginica"}, {"bias": 1.0}]
    answer = post("words:regress", signature_name="regress", context={"words": ["setosa", "setosa"]}, examples=examples)
    assert answer.json() == {"results": [2.0, 1.0, 5.0]}


def test_many_examples_at_once(post: Post) -> None:
    examples = [{"words": ["setosa"] * (index % 7), "bias": 0.0} for index in range(5000)]
    answer = post("words:regress", signature_name="regress", examples=examples)
    assert answer.json()["results"] == [float(index % 7) for index in range(5000)]


def test_serialized_examples_are_texts_to_predict(post: Post) -> None:
    answer = post("words:predict", signature_name="regress", instances=[{"b64": ""}])
    assert answer.json() == {"predictions": [0.0]}


def test_method_names_are_checked(post: Post) -> None:
    answer = post("words:regress", signature_name="classify", examples=[{}])
    assert answer.json()["error"] == (
        "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/classify"
    )
    answer = post("inference:predict", signature_name="scores", instances=[{"b64": ""}])
    assert answer.status_code == 500
    assert answer.json()["error"].startswith("Expected prediction signature method_name to be one of {tensorflow/")


def test_a_variable_keeps_what_a_call_made_of_it(post: Post) -> None:
    for total in (3.0, 6.0):
        assert post("counting:predict", signature_name="add", inputs=[1.0, 2.0]).json() == {"outputs": total}
    assert post("counting:predict", signature_name="total", inputs=[0.0]).json() == {"outputs": [6.0]}


@pytest.mark.parametrize(
    ("signature", "value", "status", "text"),
    [
        ("number", "two", 400, "StringToNumberOp could not correctly convert string: two"),
        ("number", {"b64": "/w=="}, 400, "StringToNumberOp could not correctly convert string: \\xff"),
        ("file", "/no/such/file", 404, "/no/such/file; No such file or directory"),
        ("filled", 10**14, 429, "OOM when allocating tensor with shape[100000000000000] and type float"),
        ("next", "", 400, "End of sequence"),
        (
            "number",
            1,
            400,
            "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: 1 Type: Number is "
            "not of expected type: string",
        ),
    ],
)
def test_tensorflows_errors_have_their_status(post: Post, signature: str, value: Any, status: int, text: str) -> None:
    answer = post("errors:predict", signature_name=signature, instances=[value])
    assert answer.status_code == status
    assert answer.json()["error"].startswith(text)
