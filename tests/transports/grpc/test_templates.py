"""What templates read and write is what protobuf reads and writes."""

from __future__ import annotations

import random
import tracemalloc
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from lightship import protos
from lightship.errors import LightshipError
from lightship.memory_budget import NOT_COUNTED
from lightship.tensors.tensor_writing import write_tensor
from lightship.tensors.varint import encode_varint
from lightship.transports.grpc.predict import read_predict
from lightship.transports.grpc.request_templates import PredictCall, RequestTemplates
from lightship.transports.grpc.response_templates import ResponseTemplates

TensorProto = protos.message("tensorflow.TensorProto")
DTYPES = ["float32", "float64", "int32", "int64", "uint8", "float16", "int8", "complex64", "bool"]


def field(number: int, payload: bytes) -> bytes:
    return encode_varint(number << 3 | 2) + encode_varint(len(payload)) + payload


def unknown(draw: random.Random) -> bytes:
    return draw.choice([b"", field(99, draw.randbytes(draw.randrange(6))), encode_varint(98 << 3) + b"\x07"])


def tensor_bytes(array: np.ndarray[Any, Any], draw: random.Random, *, content: bool) -> bytes:
    """A tensor whose fields come in any order, among fields that nobody knows."""
    message = TensorProto()
    write_tensor(message, array, as_content=content)
    dtype, shape, rest = TensorProto(), TensorProto(), TensorProto()
    dtype.dtype = message.dtype
    shape.tensor_shape.CopyFrom(message.tensor_shape)
    rest.CopyFrom(message)
    rest.ClearField("dtype")
    rest.ClearField("tensor_shape")
    parts = [one.SerializeToString() for one in (dtype, shape, rest)] + [unknown(draw)]
    draw.shuffle(parts)
    return b"".join(parts)


def request_bytes(draw: random.Random, arrays: dict[str, np.ndarray[Any, Any]], *, content: bool) -> bytes:
    spec = protos.message("tensorflow.serving.ModelSpec")(
        name=draw.choice(["m", "model"]), signature_name=draw.choice(["", "s"])
    )
    if draw.random() < 0.3:
        spec.version.value = draw.randrange(5)
    elif draw.random() < 0.3:
        spec.version_label = "stable"
    parts = [field(1, spec.SerializeToString() + unknown(draw)), unknown(draw)]
    parts += [field(3, b"y")] if draw.random() < 0.3 else []
    for name, array in arrays.items():
        entry = [field(1, name.encode()), field(2, tensor_bytes(array, draw, content=content))]
        draw.shuffle(entry)
        parts.append(field(2, b"".join(entry)))
    draw.shuffle(parts)
    return b"".join(parts)


def numbers(draw: random.Random, dtype: str, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(draw.randrange(1 << 30))
    kind = draw.choice(["any", "zeros", "ones"])
    if kind == "any":
        array = generator.integers(0, 100, shape).astype(dtype)
        return array + generator.random(shape).astype(dtype) if dtype.startswith(("float", "complex")) else array
    return np.full(shape, 0 if kind == "zeros" else 1).astype(dtype)


def plain(request: bytes) -> PredictCall | None:
    """What protobuf reads; None for what cannot be read."""
    try:
        call = read_predict(protos.PredictRequest.FromString(request), NOT_COUNTED)
        return call._replace(inputs={name: call.inputs[name] for name in call.inputs})
    except (DecodeError, LightshipError):
        return None


def same(one: PredictCall, other: PredictCall | None) -> bool:
    return (
        other is not None
        and one[:5] == other[:5]
        and one.inputs.keys() == other.inputs.keys()
        and all(
            (array.dtype, array.shape) == (other.inputs[name].dtype, other.inputs[name].shape)
            and array.tobytes() == other.inputs[name].tobytes()
            for name, array in one.inputs.items()
        )
    )


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(DTYPES), st.booleans(), st.integers(1, 3))
def test_a_template_reads_what_protobuf_reads(draw: random.Random, dtype: str, content: bool, inputs: int) -> None:
    templates, seed = RequestTemplates(), draw.randrange(1 << 30)
    shapes = [tuple(draw.randrange(0, 4) for _ in range(draw.randrange(3))) for _ in range(inputs)]
    for _ in range(3):
        arrays = {f"x{number}": numbers(draw, dtype, shape) for number, shape in enumerate(shapes)}
        request = request_bytes(random.Random(seed), arrays, content=content)
        known = templates.read(request)
        assert known is None or same(known, plain(request))
        if known is None:
            templates.learn(request, protos.PredictRequest.FromString(request))
        for _ in range(10):
            changed = bytearray(request)
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
            known = templates.read(bytes(changed))
            assert known is None or same(known, plain(bytes(changed)))


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(DTYPES), st.booleans(), st.integers(1, 3))
def test_requests_of_one_kind_are_read_together(draw: random.Random, dtype: str, content: bool, inputs: int) -> None:
    templates, seed, rows = RequestTemplates(), draw.randrange(1 << 30), draw.randrange(1, 4)
    shapes = [(rows, *[draw.randrange(1, 4) for _ in range(draw.randrange(2))]) for _ in range(inputs)]
    requests = []
    for _ in range(4):
        arrays = {f"x{number}": numbers(draw, dtype, shape) for number, shape in enumerate(shapes)}
        requests.append(request_bytes(random.Random(seed), arrays, content=content))
        if not templates.find(requests[-1]):
            templates.learn(requests[-1], protos.PredictRequest.FromString(requests[-1]))
    template = templates.find(requests[0])
    if template is None or any(templates.find(request) is not template for request in requests):
        return
    together, alone = template.read_together(requests), [plain(request) for request in requests]
    assert template.has_rows
    joined = {name: np.concatenate([call.inputs[name] for call in alone if call]) for name in together.inputs}
    assert same(together, alone[0] and alone[0]._replace(inputs=joined))


@pytest.mark.parametrize("shapes", [[()], [(2,), (3,)], [(1,), ()]], ids=["a scalar", "other rows", "one scalar"])
def test_requests_without_equal_rows_are_not_read_together(shapes: list[tuple[int, ...]]) -> None:
    templates, message = RequestTemplates(), protos.PredictRequest()
    message.model_spec.name = "m"
    for number, shape in enumerate(shapes):
        write_tensor(message.inputs[f"x{number}"], np.full(shape, 0.5 + number, np.float32), as_content=True)
    templates.learn(message.SerializeToString(), message)
    template = templates.find(message.SerializeToString())
    assert template is not None
    assert not template.has_rows


@pytest.mark.parametrize(
    ("dtype", "content"), [("float32", True), ("float32", False), ("float64", False), ("int32", True)]
)
def test_the_usual_requests_have_templates(dtype: str, content: bool) -> None:
    templates = RequestTemplates()
    for number in range(3):
        message = protos.PredictRequest()
        message.model_spec.name = "m"
        for name in ("a", "b"):
            write_tensor(message.inputs[name], np.full((2, 3), number, dtype), as_content=content)
        request = message.SerializeToString()
        call = templates.read(request)
        assert (call is None) == (number == 0)
        if call is None:
            templates.learn(request, message)
        else:
            assert call.inputs["b"].tolist() == [[number] * 3] * 2


def test_templates_are_bounded_and_not_learned_without_end() -> None:
    templates = RequestTemplates()
    for number in range(3000):
        message = protos.PredictRequest()
        message.model_spec.name = f"{number}"
        write_tensor(message.inputs["x"], np.zeros(1 + number % 300, np.float32), as_content=True)
        templates.learn(message.SerializeToString(), message)
    assert templates._learned == 64
    assert sum(map(len, templates._by_length.values())) <= 64


def written(array: np.ndarray[Any, Any], *, as_content: bool) -> bytes:
    response = protos.PredictResponse()
    response.model_spec.name, response.model_spec.version.value = "m", 1
    write_tensor(response.outputs["y"], array, as_content=as_content)
    return bytes(response.SerializeToString())


@settings(max_examples=200, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([*DTYPES, "uint64", "int16"]),
    st.lists(st.integers(0, 4), max_size=3),
    st.booleans(),
)
def test_a_template_writes_what_protobuf_writes(
    draw: random.Random, dtype: str, shape: list[int], as_content: bool
) -> None:
    templates = ResponseTemplates()
    for _ in range(3):
        array = numbers(draw, dtype, tuple(shape))
        if draw.random() < 0.3:
            array = np.asfortranarray(array)
        expected = written(array, as_content=as_content)
        found = templates.write("m", array, lambda one: written(one, as_content=as_content), as_content=as_content)
        assert found == expected


@settings(max_examples=50, deadline=None)
@given(
    st.randoms(use_true_random=False), st.sampled_from([*DTYPES, "uint64"]), st.integers(1, 3), st.integers(1, 4),
    st.lists(st.integers(0, 3), max_size=2), st.booleans(),
)  # fmt: skip
def test_each_call_gets_its_share_of_the_rows(
    draw: random.Random, dtype: str, rows: int, count: int, inner: list[int], as_content: bool
) -> None:
    array = numbers(draw, dtype, (count * rows, *inner))
    write = partial(written, as_content=as_content)
    found = ResponseTemplates().write_parts("m", array, count, write, as_content=as_content)
    assert found == [written(part, as_content=as_content) for part in np.split(array, count)]


@pytest.mark.parametrize("dtype", ["float32", "float64", ml_dtypes.bfloat16, "S3"])
def test_what_has_no_template_is_written_by_protobuf(dtype: Any) -> None:
    texts = dtype == "S3"
    array = np.array([b"a", b"bc"], object) if texts else np.array([np.nan, np.inf, -0.0]).astype(dtype)
    templates = ResponseTemplates()
    for _ in range(2):
        found = templates.write("m", array, lambda one: written(one, as_content=False), as_content=False)
        assert found == written(array, as_content=False)


def test_responses_of_many_shapes_are_bounded() -> None:
    templates = ResponseTemplates()
    for size in range(1, 1000):
        templates.write("m", np.zeros(size, np.float32), lambda one: written(one, as_content=False), as_content=False)
    assert len(templates._templates) <= 256


@pytest.mark.parametrize("dtype", [1, 2, 3])
def test_a_tensor_that_would_have_to_be_filled_is_not_learned_from(dtype: int) -> None:
    message = protos.PredictRequest()
    message.model_spec.name = "m"
    message.inputs["x"].dtype = dtype
    message.inputs["x"].tensor_shape.dim.add(size=1 << 24)
    message.inputs["x"].float_val.append(1.0)
    tracemalloc.start()
    try:
        RequestTemplates().learn(message.SerializeToString(), message)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
