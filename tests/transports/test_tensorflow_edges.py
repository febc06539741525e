"""What TensorFlow refuses, and what it gives at the edges, over REST and over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import httpx2
import numpy as np
import pytest
from tests.text_models import save_as_text
from tests.transports.grpc.conftest import call, refusal

from lightship.engines import EngineOptions
from lightship.protos import PredictRequest
from lightship.server import serve
from lightship.tensors.tensor_proto import array_of

pytestmark = pytest.mark.tensorflow

INIT = "__saved_model_init_op"


class Clients(NamedTuple):
    http: httpx2.Client
    channel: grpc.Channel

    def rest(self, model: str, signature: str, body: dict[str, Any]) -> httpx2.Response:
        return self.http.post(f"/v1/models/{model}:predict", json=body | {"signature_name": signature})

    def grpc(self, model: str, signature: str, **inputs: Any) -> dict[str, Any]:
        answer = call(self.channel, "Predict", request(model, signature, inputs))
        return {name: array_of(tensor).tolist() for name, tensor in answer.outputs.items()}

    def refused(self, model: str, signature: str, **inputs: Any) -> tuple[str, str]:
        return refusal(self.channel, "Predict", request(model, signature, inputs))


def request(model: str, signature: str, inputs: dict[str, Any]) -> Any:
    import tensorflow as tf

    message = PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        message.inputs[name].ParseFromString(tf.make_tensor_proto(value).SerializeToString())
    return message


def save_functions(folder: Path) -> None:
    """serving_default: x @ ones [4,2]; empty: no columns for each row of it; jpeg: three bytes for each row."""
    import tensorflow as tf

    def signature(function: Callable[[Any], Any], name: str = "y") -> Any:
        return tf.function(lambda x: {name: function(x)}, input_signature=[tf.TensorSpec(None, tf.float32, name="x")])

    signatures = {
        "serving_default": signature(lambda x: tf.matmul(x, tf.ones([4, 2]), name="total")),
        "empty": signature(lambda x: x[:, 9:]),
        "jpeg": signature(lambda x: tf.fill(tf.shape(x), b"\xff\xd8\xff"), "y_bytes"),
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)


def save_graph(folder: Path) -> None:
    """serving_default: x by a factor of 3 unless it is fed, as by_factor does; ill_typed: its input declared int32."""
    import tensorflow as tf

    v1 = tf.compat.v1
    tell, build = v1.saved_model.build_tensor_info, v1.saved_model.build_signature_def
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], name="x")
        factor = v1.placeholder_with_default(3.0, [], name="factor")
        outputs = {"y": tell(tf.multiply(x, factor, name="y"))}
        wrong = tell(x)
        wrong.dtype = tf.int32.as_datatype_enum
        inputs = {
            "serving_default": {"x": tell(x)},
            "by_factor": {"x": tell(x), "factor": tell(factor)},
            "ill_typed": {"x": wrong},
        }
        signatures = {name: build(fed, outputs, "tensorflow/serving/predict") for name, fed in inputs.items()}
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, half_plus_two: Path) -> list[str]:
    root = tmp_path_factory.mktemp("models")
    save_functions(root / "functions" / "1")
    save_graph(root / "graph" / "1")
    save_as_text(half_plus_two / "123", root / "text" / "1")
    return [f"file://{root}/{name}" for name in ("functions", "graph", "text")]


@pytest.fixture(scope="module", params=["auto", "tensorflow"])
def clients(folders: list[str], request: pytest.FixtureRequest) -> Iterator[Clients]:
    options = {"rest_port": "auto", "grpc_port": "auto", "engine": EngineOptions(engine=request.param)}
    with serve(*folders, **options) as server, httpx2.Client(base_url=server.rest_url, timeout=60) as http:
        assert server.wait_ready(120), server.manager.not_ready()
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            yield Clients(http, channel)


@pytest.mark.parametrize("clients", ["tensorflow"], indirect=True)
@pytest.mark.parametrize(
    ("x", "text"),
    [
        ([[1.0] * 3], "Matrix size-incompatible: In[0]: [1,3], In[1]: [4,2]"),
        ([1.0] * 4, "In[0] ndims must be >= 2: 1"),
    ],
)
def test_an_error_names_the_node_that_failed(clients: Clients, x: Any, text: str) -> None:
    answer = clients.rest("functions", "", {"inputs": x})
    assert answer.status_code == 400
    message = answer.json()["error"]
    assert message.startswith(f"{text}\n\t [[")
    assert message.endswith("{{node total}}]]")
    assert "\\n\\t [[" in answer.text
    assert clients.refused("functions", "", x=np.array(x, np.float32)) == ("INVALID_ARGUMENT", message)


def test_the_initializer_has_no_output(clients: Clients) -> None:
    text = "Node 'NoOp' (type: 'NoOp', num of outputs: 0) does not have output 0"
    assert clients.refused("functions", INIT) == ("OUT_OF_RANGE", text)
    answer = clients.rest("functions", INIT, {"inputs": {}})
    assert (answer.status_code, answer.json()["error"]) == (400, f"Failed to get input map for signature: {INIT}")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_an_output_may_have_no_columns(clients: Clients, rows: int) -> None:
    x = [[1.0, 2.0]] * rows
    assert clients.rest("functions", "empty", {"instances": x}).json() == {"predictions": [[]] * rows}
    assert clients.rest("functions", "empty", {"inputs": x}).json() == {"outputs": [[]] * rows}
    assert clients.grpc("functions", "empty", x=np.array(x, np.float32)) == {"y": [[]] * rows}


def test_bytes_are_written_over_three_lines(clients: Clients) -> None:
    row, column = (
        clients.rest("functions", "jpeg", {"instances": [1]}),
        clients.rest("functions", "jpeg", {"inputs": 1}),
    )
    assert row.text == '{\n    "predictions": [{\n            "b64": "/9j/"\n        }\n    ]\n}'
    assert column.text == '{\n    "outputs": {\n        "b64": "/9j/"\n    }\n}'


def test_a_default_in_the_graph_is_used_by_who_does_not_feed_it(clients: Clients) -> None:
    assert clients.rest("graph", "by_factor", {"inputs": {"x": [1, 2], "factor": 5}}).json() == {"outputs": [5.0, 10.0]}
    assert clients.rest("graph", "", {"instances": [1, 2]}).json() == {"predictions": [3.0, 6.0]}
    x = np.array([1, 2], np.float32)
    assert clients.grpc("graph", "by_factor", x=x, factor=np.float32(5)) == {"y": [5.0, 10.0]}
    assert clients.grpc("graph", "", x=x) == {"y": [3.0, 6.0]}


def test_an_ill_typed_signature_takes_what_its_graph_takes(clients: Clients) -> None:
    text = "Expects arg[0] to be float but int32 is provided"
    answer = clients.rest("graph", "ill_typed", {"instances": [1]})
    assert (answer.status_code, answer.json()["error"]) == (400, text)
    assert clients.refused("graph", "ill_typed", x=np.array([1], np.int32)) == ("INVALID_ARGUMENT", text)
    assert clients.grpc("graph", "ill_typed", x=np.array([1], np.float32)) == {"y": [3.0]}


def test_a_model_written_as_text_answers(clients: Clients) -> None:
    assert clients.rest("text", "", {"instances": [[2]]}).json() == {"predictions": [[3.0]]}
    assert clients.grpc("text", "", x=np.float32([[2]])) == {"y": [[3.0]]}
