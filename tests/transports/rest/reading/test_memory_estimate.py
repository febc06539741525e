"""The estimate is never below what reading takes, and not far above it for lists of numbers."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightship.errors import LightshipError
from lightship.saved_model.signatures import TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.reading import extension, memory_estimate
from lightship.transports.rest.reading.memory_estimate import estimate_memory

CHANCE = np.random.default_rng(0)
BODIES = {
    "an image": json.dumps({"instances": CHANCE.random((1, 100, 100, 3)).tolist()}).encode(),
    "short floats": b'{"instances": [' + b"0.5," * 25_000 + b"1]}",
    "digits": b'{"instances": [' + b"1," * 50_000 + b"1]}",
    "integers": b'{"instances": [' + b"5000000000," * 12_500 + b"1]}",
    "mixed numbers": b'{"instances": [' + b"0.5," * 25_000 + b"null]}",
    "ragged": b'{"instances": [' + b"[1.5,2],[1.5]," * 5_000 + b"[1]]}",
    "empty lists": b'{"instances": [' + b"[]," * 25_000 + b"[]]}",
    "empty objects": b'{"instances": [' + b"{}," * 25_000 + b"{}]}",
    "lists of one": b'{"instances": [' + b"[1.5]," * 12_500 + b"[true]]}",
    "deep lists": b'{"instances": ' + b"[" * 25_000 + b"]" * 25_000 + b"}",
    "deep objects": b'{"instances": ' + b'{"":' * 12_500 + b"1" + b"}" * 12_500 + b"}",
    "objects in lists": b'{"instances": [' + b'{"":1},[],' * 7_500 + b"[]]}",
    "rows": b'{"instances": [' + b'{"x": [1.5, 2.5]},' * 5_000 + b'{"x": [1, 2]}]}',
    "rows of arrays": b'{"instances": ['
    + (b'{"x": [' + b"1.5," * 100 + b"1]},") * 500
    + b'{"x": ['
    + b"1," * 100
    + b"1]}]}",
    "repeated names": b'{"instances": [' + b'{"":1,"":1},' * 5_000 + b"{}]}",
    "one object of repeated names": b'{"instances": {' + b'"a":1,' * 12_500 + b'"a":1}}',
    "one object of many names": b'{"instances": {' + b",".join(b'"%d":1' % i for i in range(12_500)) + b'"a":1}}',
    "strings": b'{"instances": [' + b'"x",' * 12_500 + b'"x"]}',
    "bytes": b'{"instances": [' + b'{"b64":"AAAA"},' * 5_000 + b'{"b64":"AAAA"}]}',
    "a long string": b'{"instances": ["' + b"x" * 1_000_000 + b'"]}',
    "long bytes": b'{"instances": [{"b64": "' + b"AAAA" * 250_000 + b'"}]}',
    "a wide string": b'{"instances": ["' + b"x" * 1_000_000 + "\U0001f600".encode() + b'"]}',
    "a wide string from escapes": b'{"instances": ["' + b"x" * 1_000_000 + b'\\ud83d\\ude00"]}',
    "wide strings": b'{"instances": ["' + (b"x" * 100_000 + "\U0001f600".encode()) * 10 + b'"]}',
    "bytes that are not UTF-8": b'{"instances": ["' + b"\xff" * 500_000 + b'"]}',
    "few integers": b'{"instances": [' + b"5000000000," * 1_000 + b"1]}",
    "never closed": b'[{"":1},' * 12_500,
}


def signature(dtype: DataType) -> Mapping[str, TensorSpec]:
    return {"x": TensorSpec("x", dtype, None, "x:0")}


def peak(body: bytes, dtype: DataType) -> int:
    """The memory that reading a request takes at most."""
    inputs = signature(dtype)
    tracemalloc.start()
    try:
        PredictRequest.parse(body).tensors(inputs)
    except LightshipError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


@pytest.fixture(params=["with the C extension", "without it"])
def _with_or_without_c(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without it":
        monkeypatch.setattr(extension, "native", None)


@pytest.mark.usefixtures("_with_or_without_c")
@pytest.mark.parametrize("dtype", [DataType.DT_FLOAT, DataType.DT_INT64, DataType.DT_STRING], ids=lambda d: d.label)
@pytest.mark.parametrize("kind", BODIES)
def test_reading_takes_no_more_than_the_estimate(kind: str, dtype: DataType) -> None:
    assert peak(BODIES[kind], dtype) <= estimate_memory(BODIES[kind])


@pytest.mark.parametrize("kind", ["an image", "short floats", "digits"])
def test_the_estimate_for_a_rectangular_list_is_not_far_above(kind: str) -> None:
    assert estimate_memory(BODIES[kind]) < 8 * peak(BODIES[kind], DataType.DT_FLOAT)


@given(st.lists(st.sampled_from([b",", b"[", b"{", b'"', b"\\", b"x" * 40, b"\xff", b"1", b"y" * 9000])).map(b"".join))
def test_c_counts_as_python_does(body: bytes) -> None:
    if extension.native is None:
        pytest.skip("there was no C compiler when the package was built")
    assert memory_estimate._native_counts(body) == memory_estimate._counts(body)
