"""Logged calls are made as a client's are."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightship import protos
from lightship.batching import Direct
from lightship.bundle.manifest import WARM_UP_FILE
from lightship.engines import Engine
from lightship.errors import InvalidArgument, Unimplemented
from lightship.lifecycle import Servable
from lightship.lifecycle.replay import replay
from lightship.server import Server, ServerOptions, parse_model_argument
from lightship.services.warm_up import make_logged_call


class Listening:
    """An engine that tells what it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.asked: list[tuple[str, dict[str, Any], list[str] | None]] = []

    def run(
        self,
        signature: str,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Sequence[str] | None = None,
    ) -> dict[str, NDArray[Any]]:
        given = {name: array.tolist() for name, array in inputs.items()}
        self.asked.append((signature, given, None if outputs is None else list(outputs)))
        return self._engine.run(signature, inputs, outputs)


@pytest.fixture
def engine(half: Servable) -> Listening:
    return Listening(half.engine)


@pytest.fixture
def servable(half: Servable, engine: Listening) -> Servable:
    return Servable(half.id, half.bundle, engine, Direct(engine))  # type: ignore[arg-type]


def examples(request: Any, *values: float) -> None:
    for value in values:
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(value)


@pytest.mark.parametrize("as_content", [True, False])
def test_predict(servable: Servable, engine: Listening, as_content: bool) -> None:
    log = protos.PredictionLog()
    tensor = log.predict_log.request.inputs["x"]
    tensor.dtype = 1
    for size in (2, 1):
        tensor.tensor_shape.dim.add(size=size)
    if as_content:
        tensor.tensor_content = np.array([1, 2], "<f4").tobytes()
    else:
        tensor.float_val.extend([1, 2])
    make_logged_call(servable, log)
    log.predict_log.request.output_filter.append("y")
    make_logged_call(servable, log)
    assert engine.asked == [
        ("serving_default", {"x": [[1.0], [2.0]]}, None),
        ("serving_default", {"x": [[1.0], [2.0]]}, ["y"]),
    ]


def test_what_a_client_would_be_reported(servable: Servable) -> None:
    log = protos.PredictionLog()
    log.predict_log.request.inputs["x"].dtype = 0
    with pytest.raises(InvalidArgument, match="^tensor parsing error: x$"):
        make_logged_call(servable, log)
    log.predict_log.request.model_spec.signature_name = "no"
    with pytest.raises(InvalidArgument, match='Serving signature name: "no" not found in signature def'):
        make_logged_call(servable, log)


@pytest.mark.tensorflow
def test_classify_and_regress(servable: Servable, engine: Listening) -> None:
    log = protos.PredictionLog()
    log.classify_log.request.model_spec.signature_name = "classify_x_to_y"
    examples(log.classify_log.request, 1, 2)
    make_logged_call(servable, log)
    log = protos.PredictionLog()
    log.regress_log.request.model_spec.signature_name = "regress_x_to_y"
    examples(log.regress_log.request, 1)
    make_logged_call(servable, log)
    assert [(name, len(inputs["inputs"])) for name, inputs, _ in engine.asked] == [
        ("classify_x_to_y", 2),
        ("regress_x_to_y", 1),
    ]


@pytest.mark.tensorflow
def test_examples_with_a_context(servable: Servable, engine: Listening) -> None:
    log = protos.PredictionLog()
    request = log.regress_log.request
    request.model_spec.signature_name = "regress_x_to_y"
    listed = request.input.example_list_with_context
    listed.context.features.feature["x"].float_list.value.append(3)
    listed.examples.add()
    make_logged_call(servable, log)
    ((_, inputs, _),) = engine.asked
    assert protos.Example.FromString(inputs["inputs"][0]) == listed.context


@pytest.mark.tensorflow
def test_tasks_of_a_multi_inference(servable: Servable, engine: Listening) -> None:
    log = protos.PredictionLog()
    request = log.multi_inference_log.request
    for kind in ("classify", "regress"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{kind}")
        task.model_spec.signature_name = f"{kind}_x_to_y"
    examples(request, 1)
    make_logged_call(servable, log)
    assert [name for name, _, _ in engine.asked] == ["classify_x_to_y", "regress_x_to_y"]
    request.tasks.add(method_name="other")
    with pytest.raises(Unimplemented, match="Unsupported signature method_name: other"):
        make_logged_call(servable, log)


def test_what_an_export_wrote_is_replayed(dog: Servable) -> None:
    assert replay(dog, make_logged_call) == 1


@pytest.mark.tensorflow
@pytest.mark.parametrize("enabled", [True, False])
def test_a_server_replays_the_file_unless_told_not_to(half_plus_two: Path, tmp_path: Path, enabled: bool) -> None:
    import tensorflow as tf

    shutil.copytree(half_plus_two / "123", tmp_path / "half" / "1")
    log = protos.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "no"
    path = tmp_path / "half" / "1" / WARM_UP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(log.SerializeToString())
    options = ServerOptions([parse_model_argument(tmp_path / "half")], enable_model_warmup=enabled)
    server = Server(options).load()
    assert server.manager.wait(lambda manager: manager.settled_status("half") is not None, 60)
    settled = server.manager.settled_status("half")
    assert settled is not None
    error = settled.error.message if settled.error else None
    assert error == (None if enabled is False else 'Serving signature name: "no" not found in signature def')
    server.stop()
