"""Arrays there and back, in the dtypes that the model has."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tests.client.conftest import Ask
from tests.client.grpc.conftest import FakeServer, ReceivedRequest, described

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of

FLOAT, STRING, INT8, BOOL = (int(DataType[f"DT_{name}"]) for name in ("FLOAT", "STRING", "INT8", "BOOL"))


def echo(fake_server: FakeServer, **inputs: int) -> None:
    """A model whose outputs are its inputs."""

    def answer(request: ReceivedRequest) -> bytes:
        if "Metadata" in request.method:
            return described(5, **inputs)
        response = protos.PredictResponse()
        response.model_spec.version.value = 5
        for name, tensor in request.read(protos.PredictRequest).inputs.items():
            response.outputs[name].CopyFrom(tensor)
        return bytes(response.SerializeToString())

    fake_server.answer = answer


def sent(fake_server: FakeServer) -> Any:
    return fake_server.received[-1].read(protos.PredictRequest)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("DT_FLOAT", [[1, 2.5]], np.float32([[1, 2.5]])),
        ("DT_DOUBLE", np.float32([1.5]), np.float64([1.5])),
        ("DT_HALF", 2, np.float16(2)),
        ("DT_BFLOAT16", [1.5], np.float32([1.5])),
        ("DT_INT8", [[-128, 127]], np.int8([[-128, 127]])),
        ("DT_UINT64", np.uint64([2**64 - 1]), np.uint64([2**64 - 1])),
        ("DT_INT64", [], np.int64([])),
        ("DT_BOOL", [True, False], np.array([True, False])),
        ("DT_COMPLEX64", [1.5, 2], np.complex64([1.5, 2])),
    ],
)
def test_values_get_the_dtype_of_the_input(
    ask: Ask, fake_server: FakeServer, dtype: str, value: Any, expected: np.ndarray[Any, Any]
) -> None:
    echo(fake_server, x=int(DataType[dtype]))
    answer = ask(fake_server.url, "predict", "m", value)
    assert (answer["x"].dtype, answer["x"].tolist(), answer.version) == (expected.dtype, expected.tolist(), 5)
    assert answer["x"].flags.writeable
    assert sent(fake_server).inputs["x"].dtype == DataType[dtype]
    assert len(sent(fake_server).inputs["x"].tensor_content) == expected.size * DataType[dtype].numpy.itemsize


def test_texts_and_bytes_travel_as_strings(ask: Ask, fake_server: FakeServer) -> None:
    echo(fake_server, x=STRING, raw_bytes=STRING)
    values = [["a", "\u00fc"], ["", "b\0"]]
    answer = ask(fake_server.url, "predict", "m", {"x": values, "raw_bytes": b"\xff\0"})
    assert (answer["x"].tolist(), answer["raw_bytes"].tolist()) == (values, b"\xff\0")
    assert list(sent(fake_server).inputs["x"].string_val) == [b"a", "\u00fc".encode(), b"", b"b\0"]


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(INT8, [1.5]), (INT8, [300]), (BOOL, [1]), (FLOAT, [1j]), (STRING, [["a"], "b"]), (FLOAT, [[1.0], [1.0, 2.0]])],
)
def test_values_that_an_input_cannot_hold_are_refused(
    ask: Ask, fake_server: FakeServer, dtype: int, value: Any
) -> None:
    echo(fake_server, x=dtype)
    with pytest.raises(InvalidArgument, match="x|only input"):
        ask(fake_server.url, "predict", "m", {"x": value})


def test_several_inputs_are_given_by_name(ask: Ask, fake_server: FakeServer) -> None:
    echo(fake_server, a=FLOAT, b=INT8)
    with pytest.raises(InvalidArgument, match="a, b: give a mapping of their names"):
        ask(fake_server.url, "predict", "m", [1.0])
    answer = ask(fake_server.url, "predict", "m", {"a": 1, "b": [2]})
    assert (answer["a"].tolist(), answer["b"].tolist()) == (1.0, [2])


def test_a_signature_that_is_not_known_takes_arrays_as_they_are(ask: Ask, fake_server: FakeServer) -> None:
    """A server may know it, and says so if not."""
    echo(fake_server, x=FLOAT)
    assert ask(fake_server.url, "predict", "m", {"z": np.int16([1])}, signature="other")["z"].dtype == np.int16
    with pytest.raises(InvalidArgument, match="no signature other in version 5: it has serving_default"):
        ask(fake_server.url, "predict", "m", [1.0], signature="other")


def test_large_tensors_travel_both_ways(ask: Ask, fake_server: FakeServer) -> None:
    echo(fake_server, x=FLOAT)
    value = np.arange(5_000_000, dtype=np.float32)  # 20 MB; gRPC's own limit is 4
    np.testing.assert_array_equal(ask(fake_server.url, "predict", "m", value)["x"], value)


def test_bfloat16_arrays_are_sent_as_they_are(ask: Ask, fake_server: FakeServer) -> None:
    echo(fake_server, x=int(DataType.DT_BFLOAT16))
    value = np.array([1.5, 3], ml_dtypes.bfloat16)
    ask(fake_server.url, "predict", "m", value)
    assert array_of(sent(fake_server).inputs["x"]).tolist() == [1.5, 3.0]
