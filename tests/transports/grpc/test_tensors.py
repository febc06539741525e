"""Tensors over gRPC: every type, both encodings, what is short, long, empty or wrong."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes  # noqa: F401 - numpy learns bfloat16
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.transports.grpc.conftest import Ask, Refused
from tests.transports.grpc.models import DTYPES

from lightship import protos
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor

pytestmark = pytest.mark.tensorflow

VALUES: dict[str, list[Any]] = {
    "float": [0.0, -1.5, 3.4e38, math.inf, math.nan],
    "double": [0.0, -1.5, 1e300, -math.inf],
    "half": [0.0, -1.5, 65504.0],
    "bfloat16": [0.0, -1.5, 3e38],
    "int8": [-128, 0, 127],
    "int16": [-32768, 0, 32767],
    "int32": [-(2**31), 0, 2**31 - 1],
    "int64": [-(2**63), 0, 2**63 - 1],
    "uint8": [0, 255],
    "uint16": [0, 65535],
    "uint32": [0, 2**32 - 1],
    "uint64": [0, 2**64 - 1],
    "bool": [True, False],
    "complex64": [1 - 2j, 0j],
    "complex128": [1e300 - 2j, 0j],
    "string": [b"", b"a\xff\x00", b"x" * 300],
    "float8_e5m2": [0.0, -1.5, 57344.0],
    "float8_e4m3fn": [0.0, -1.5, 448.0],
}
NAMES = dict(zip((1, 2, 19, 14, 6, 5, 3, 9, 4, 17, 22, 23, 10, 8, 18, 7, 24, 25), DTYPES, strict=True))
FIELDS = {"half": "half_val", "bfloat16": "half_val", "int8": "int_val", "uint16": "int_val", "uint32": "uint32_val"}


def array(dtype: str, values: Any, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    made = np.array(values, object if dtype == "string" else DTYPES[dtype])
    return made if shape is None else made.reshape(shape)


def request(dtype: str, tensor: Any) -> Any:
    message = protos.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = "identity", dtype
    message.inputs["x"].CopyFrom(tensor)
    return message


def tensor_of(values: NDArray[Any], *, as_content: bool) -> Any:
    tensor = protos.TensorProto()
    write_tensor(tensor, values, as_content=as_content)
    return tensor


def same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return left.tolist() == right.tolist() if left.dtype == object else left.tobytes() == right.tobytes()


@pytest.mark.parametrize("as_content", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_goes_there_and_back(ask: Ask, dtype: str, as_content: bool) -> None:
    sent = array(dtype, VALUES[dtype])
    output = ask("Predict", request(dtype, tensor_of(sent, as_content=as_content))).outputs["y"]
    assert output.tensor_content == b""
    assert [dim.size for dim in output.tensor_shape.dim] == [len(sent)]
    assert same(array_of(output), sent)


@pytest.mark.parametrize(("dtype", "field"), FIELDS.items())
def test_narrow_types_stand_in_the_fields_of_wider_ones(ask: Ask, dtype: str, field: str) -> None:
    sent = array(dtype, VALUES[dtype])
    output = ask("Predict", request(dtype, tensor_of(sent, as_content=False))).outputs["y"]
    assert len(getattr(output, field)) == len(sent)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "half"])
def test_millions_of_values_keep_their_order(dtype: str) -> None:
    sent = (np.arange(2_200_000) % 60_000).astype(DTYPES[dtype]).reshape(1100, 2000)
    assert same(array_of(tensor_of(sent, as_content=False)), sent)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_rows_are_an_answer_too(ask: Ask, dtype: str) -> None:
    sent = array(dtype, [], (0, 3))
    output = ask("Predict", request(dtype, tensor_of(sent, as_content=False))).outputs["y"]
    assert array_of(output).shape == (0, 3)


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"dtype": 1, "float_val": [1, 2, 3]}, [1, 2]),
        ({"dtype": 1, "float_val": [1]}, [1, 1]),
        ({"dtype": 1}, [0, 0]),
        ({"dtype": 1, "float_val": [5], "tensor_content": np.float32([1, 2]).tobytes()}, [1, 2]),
        ({"dtype": 6, "int_val": [300, -1]}, [44, -1]),
        ({"dtype": 4, "int_val": [300, -1]}, [44, 255]),
        ({"dtype": 5, "int_val": [40000, -40000]}, [-25536, 25536]),
        ({"dtype": 17, "int_val": [65537, -1]}, [1, 65535]),
        ({"dtype": 19, "half_val": [0x13C00]}, [1.0, 1.0]),
        ({"dtype": 14, "half_val": [0x13F80, 0]}, [1.0, 0.0]),
        ({"dtype": 8, "scomplex_val": [1, 2]}, [1 + 2j, 1 + 2j]),
        ({"dtype": 18, "dcomplex_val": [1, 2, 3, 4, 5, 6]}, [1 + 2j, 3 + 4j]),
        ({"dtype": 8}, [0, 0]),
        ({"dtype": 24, "float8_val": b"\x3c"}, [1.0, 1.0]),
        ({"dtype": 25, "float8_val": b"\x38\xb8\x00"}, [1.0, -1.0]),
        ({"dtype": 10, "tensor_content": b"\x00\x80"}, [False, True]),
        ({"dtype": 10}, [False, False]),
        ({"dtype": 22, "uint32_val": [2**32 - 1]}, [2**32 - 1, 2**32 - 1]),
        ({"dtype": 9, "int64_val": [-(2**63)]}, [-(2**63), -(2**63)]),
        ({"dtype": 7}, [b"", b""]),
        ({"dtype": 7, "string_val": [b"a"]}, [b"a", b"a"]),
    ],
)
def test_values_are_cut_repeated_and_left_to_default(ask: Ask, tensor: dict[str, Any], expected: list[Any]) -> None:
    message = protos.TensorProto(**tensor)
    message.tensor_shape.dim.add(size=2)
    dtype = NAMES[tensor["dtype"]]
    assert array_of(ask("Predict", request(dtype, message)).outputs["y"]).tolist() == expected


def test_an_unknown_rank_is_a_scalar(ask: Ask) -> None:
    message = protos.TensorProto(dtype=1, float_val=[4.0])
    message.tensor_shape.unknown_rank = True
    output = ask("Predict", request("float", message)).outputs["y"]
    assert array_of(output).tolist() == 4.0


def test_an_unknown_rank_with_dimensions_does_not_count(ask: Ask) -> None:
    message = protos.TensorProto(dtype=1, float_val=[1.0, 2.0, 3.0])
    message.tensor_shape.unknown_rank = True
    message.tensor_shape.dim.add(size=3)
    output = ask("Predict", request("float", message)).outputs["y"]
    assert array_of(output).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("tensor", "sizes"),
    [
        ({"dtype": 1, "float_val": [1]}, [-1]),
        ({"dtype": 1, "float_val": [1]}, [2**40]),
        ({"dtype": 1, "float_val": [1]}, [2**26 + 1]),
        ({"dtype": 1}, [2**40, 2**40]),
        ({"dtype": 1}, [2**62, 2**62, 0]),
        ({"dtype": 7}, [2**40]),
        ({"dtype": 1, "tensor_content": b"12345"}, [1]),
        ({"dtype": 1, "tensor_content": b"1234"}, [2**62]),
        ({"dtype": 7, "tensor_content": b"\xff" * 12}, [1]),
        ({"dtype": 7, "tensor_content": b"\x05abc"}, [1]),
        ({"dtype": 0}, [1]),
        ({"dtype": 20}, [1]),
        ({"dtype": 11, "int_val": [1]}, [1]),
        ({"dtype": 29, "int_val": [1]}, [1]),
        ({"dtype": 99}, [1]),
        ({"dtype": -1}, [1]),
        ({"dtype": 101, "float_val": [1]}, [1]),
        ({"dtype": 1, "float_val": [1]}, [1] * 33),
    ],
)
def test_what_is_no_tensor_is_refused_before_anything_is_allocated(
    refused: Refused, tensor: dict[str, Any], sizes: list[int]
) -> None:
    message = protos.TensorProto(**tensor)
    for size in sizes:
        message.tensor_shape.dim.add(size=size)
    dtype = "string" if tensor["dtype"] == 7 else "float"
    assert refused("Predict", request(dtype, message)) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def test_a_tensor_without_a_limit_is_filled_by_its_own_values(ask: Ask) -> None:
    """More than may be filled by repeating a value, but all of it was sent."""
    sent = np.arange(2**26 + 2**20, dtype=np.float32)
    output = ask("Predict", request("float", tensor_of(sent, as_content=True))).outputs["y"]
    assert same(array_of(output), sent)
