"""Examples to JSON, results to labels and numbers."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lightship.client.rest.examples import classifications_in, examples_request, regressions_in
from lightship.errors import InvalidArgument, Unknown


def body(*examples: Any, context: Any = None, signature: str | None = None) -> str:
    return examples_request("/v1/models/m:classify", examples, context, signature).body.decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2.0"),
        (2, "2"),
        (True, "true"),
        ("text", '"text"'),
        (b"\xff", '{"b64":"/w=="}'),
        ([1.0, 2.0], "[1.0,2.0]"),
        ([1, 2.5], "[1.0,2.5]"),
        ([1, 2], "[1,2]"),
        ([True, False], "[true,false]"),
        (["a", b"b"], '["a",{"b64":"Yg=="}]'),
        ([], "[]"),
        (np.float32(2), "2.0"),
        (np.int8(2), "2"),
        (np.array([1, 2], np.float32), "[1.0,2.0]"),
        (np.array([1, 2], np.float16), "[1.0,2.0]"),
        (np.array([1, 2], ml_dtypes.bfloat16), "[1.0,2.0]"),
        (np.array([1, 2], np.uint8), "[1,2]"),
        (np.array([b"a\0", "b"], object), '[{"b64":"YQA="},"b"]'),
    ],
)
def test_a_feature_keeps_its_kind(value: Any, text: str) -> None:
    assert body({"x": value}) == f'{{"examples":[{{"x":{text}}}]}}'


def test_what_is_not_finite_is_written_too() -> None:
    assert json.loads(body({"x": [np.inf, 1.0], "y": -np.inf}))["examples"] == [{"x": [np.inf, 1.0], "y": -np.inf}]
    assert "[Infinity, 1.0]" in body({"x": [np.inf, 1.0]})


def test_context_and_signature_stand_beside_the_examples() -> None:
    assert body({"x": 1}, {}, context={"y": 2.0}, signature="s") == (
        '{"signature_name":"s","context":{"y":2.0},"examples":[{"x":1},{}]}'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([[1.0], [2.0]], "example 0, feature x: has more than one dimension"),
        ([["a"]], "example 0, feature x: has more than one dimension"),
        (None, "example 0, feature x: holds a NoneType"),
        (1j, "example 0, feature x: dtype complex128"),
    ],
)
def test_what_no_feature_holds_is_named(value: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        body({"x": value})


def test_an_example_is_a_mapping_and_examples_are_a_list() -> None:
    with pytest.raises(InvalidArgument, match="example 1 is a float"):
        body({}, 1.0)
    with pytest.raises(InvalidArgument, match="context is a list"):
        body({}, context=[])
    with pytest.raises(InvalidArgument, match="examples is one mapping"):
        examples_request("/v1/models/m:classify", {"x": 1.0}, None, None)  # type: ignore[arg-type]


def test_results_are_typed() -> None:
    ((car, bike),) = classifications_in({"results": [[["car", 0.5], ["", 1]]]})
    assert (car.label, car.score, bike) == ("car", 0.5, ("", 1.0))
    values = regressions_in({"results": [0.5, 42]})
    assert (values.dtype, values.tolist()) == (np.float32, [0.5, 42.0])


@pytest.mark.parametrize("document", [{}, {"results": 1}, {"results": ["a"]}, {"results": [[1]]}])
def test_other_answers_are_reported(document: dict[str, Any]) -> None:
    for read in (classifications_in, regressions_in):
        with pytest.raises(Unknown, match="not a model server: check the address"):
            read(document)
