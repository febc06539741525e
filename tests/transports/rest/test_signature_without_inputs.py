"""A signature may have no inputs; over REST it cannot be called, as in TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from lightship.server import serve

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models")
    answer = tf.function(lambda: {"y": tf.constant([42.0])}, input_signature=[])
    double = tf.function(lambda x: {"y": 2.0 * x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    signatures = {
        "default": {"serving_default": answer, "double": double},
        "named": {"serving_default": double, "answer": answer},
    }
    for name, functions in signatures.items():
        tf.saved_model.save(tf.Module(), str(folder / name / "1"), signatures=functions)
    with serve(folder / "default", folder / "named", rest_port="auto") as server:
        assert server.wait_ready(60), server.manager.not_ready()
        with httpx2.Client(base_url=server.rest_url, timeout=60) as client:
            yield client


@pytest.mark.parametrize(
    ("model", "body", "name"),
    [
        ("default", '{"instances": [1]}', "DEFAULT"),
        ("default", '{"inputs": {}}', "DEFAULT"),
        ("named", '{"signature_name": "answer", "inputs": {}}', "answer"),
    ],
)
def test_it_cannot_be_called(http: httpx2.Client, model: str, body: str, name: str) -> None:
    answer = http.post(f"/v1/models/{model}:predict", content=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": f"Failed to get input map for signature: {name}"}


@pytest.mark.parametrize(("model", "body"), [("default", '{"signature_name": "double", "instances": [1]}')])
def test_the_others_can(http: httpx2.Client, model: str, body: str) -> None:
    assert http.post(f"/v1/models/{model}:predict", content=body).json() == {"predictions": [2.0]}
