"""The same call over REST and over gRPC gives the same numbers."""

from __future__ import annotations

from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transports.grpc.conftest import Ask
from tests.transports.grpc.test_examples import examples, spec
from tests.transports.grpc.test_tensors import array, request, same, tensor_of

from lightship import protos
from lightship.server import Server
from lightship.tensors.tensor_proto import array_of

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
OFTEN = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def post(server: Server, call: str, body: Any) -> Any:
    return httpx2.post(f"{server.rest_url}/v1/models/{call}", json=body, timeout=60).json()


NUMBERS = {
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "half": st.floats(width=16, allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "string": st.text(st.characters(codec="utf-8"), max_size=8).map(str.encode),
} | {
    name: st.integers(np.iinfo(name).min, np.iinfo(name).max)
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
}


@pytest.mark.tensorflow
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), dtype=st.sampled_from(sorted(NUMBERS)), as_content=st.booleans())
def test_tensors_of_every_type_come_back_the_same(
    server: Server, ask: Ask, data: Any, dtype: str, as_content: bool
) -> None:
    values = data.draw(st.lists(NUMBERS[dtype], min_size=1, max_size=5))
    sent = array(dtype, values)
    output = array_of(ask("Predict", request(dtype, tensor_of(sent, as_content=as_content))).outputs["y"])
    written = [value.decode() for value in values] if dtype == "string" else sent.tolist()
    answer = post(server, "identity:predict", {"signature_name": dtype, "inputs": written})
    given_back = [one.encode() for one in answer["outputs"]] if dtype == "string" else answer["outputs"]
    assert same(array(dtype, given_back), output)


@OFTEN
@given(rows=st.lists(st.lists(FLOATS, min_size=1, max_size=4), min_size=1, max_size=4), as_content=st.booleans())
def test_predict_computes_the_same(server: Server, ask: Ask, rows: list[list[float]], as_content: bool) -> None:
    """A ragged list is no tensor over JSON; here the rows are of one length, and of any shape that is not declared."""
    width = min(map(len, rows))
    sent = np.float32([row[:width] for row in rows])
    message = request("", tensor_of(sent, as_content=as_content))
    message.model_spec.name = "half"
    over_grpc = array_of(ask("Predict", message).outputs["y"])
    over_rest = post(server, "half:predict", {"instances": sent.tolist()})["predictions"]
    assert same(np.float32(over_rest), over_grpc)


@OFTEN
@given(a=st.lists(FLOATS, min_size=1, max_size=4), b=FLOATS)
def test_two_inputs_and_two_outputs_are_the_same(server: Server, ask: Ask, a: list[float], b: float) -> None:
    columns = {"a": np.float32(a)[:, None], "b": np.full((len(a), 1), b, np.float32)}
    message = protos.PredictRequest()
    message.model_spec.name = "sums"
    for name, column in columns.items():
        message.inputs[name].CopyFrom(tensor_of(column, as_content=False))
    outputs = ask("Predict", message).outputs
    rest = post(server, "sums:predict", {"inputs": {name: column.tolist() for name, column in columns.items()}})
    for name in ("sum", "difference"):
        assert same(np.float32(rest["outputs"][name]), array_of(outputs[name]))


@pytest.mark.tensorflow
@OFTEN
@given(values=st.lists(FLOATS, min_size=1, max_size=5))
def test_examples_are_judged_the_same(server: Server, ask: Ask, values: list[float]) -> None:
    sent = {"examples": [{"x": value} for value in values]}
    regressed = ask("Regress", f"{spec('half', 'regress_x_to_y')} {examples(*values)}").result.regressions
    over_rest = post(server, "half:regress", sent | {"signature_name": "regress_x_to_y"})["results"]
    assert np.float32(over_rest).tolist() == [one.value for one in regressed]
    classified = ask("Classify", f"{spec('inference', 'both')} {examples(*values)}").result.classifications
    over_rest = post(server, "inference:classify", sent | {"signature_name": "both"})["results"]
    given_back = [[[one.label, one.score] for one in row.classes] for row in classified]
    assert [[[label, float(np.float32(score))] for label, score in row] for row in over_rest] == given_back
