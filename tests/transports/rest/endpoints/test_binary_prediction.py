"""Tensors as bytes, asked of a real server."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from tests.transports.rest.conftest import Answer, Ask

from lightship.server import Server, serve

NPY, NPZ, RAW = "application/x-npy", "application/x-npz", "application/octet-stream"
PREDICT, MIXED = "/v1/models/m:predict", "/v1/models/mixed:predict"
X = np.array([[1.0], [2.5]], np.float32)
PAIR = {"a": np.array([[1.5, 2.0]], np.float32), "b": np.array([[3, 4]], np.int64)}


@pytest.fixture(scope="module")
def server(half_plus_two: Path, saved_models: Path) -> Iterator[Server]:
    mixed = saved_models / "mixed"
    with serve(f"m={half_plus_two}", mixed, rest_port="auto") as running:
        assert running.wait_ready(60)
        yield running


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def raw(ask: Ask, array: Any, target: str = PREDICT, **headers: str) -> Answer:
    described = {
        "Lightship_Shape": ",".join(map(str, array.shape)),
        "Lightship_Dtype": array.dtype.name,
        "Content_Type": RAW,
    }
    return ask("POST", target, array.tobytes(), **{**described, **headers})


def test_npy_gets_json(ask: Ask) -> None:
    answer = ask("POST", PREDICT, npy(X), Content_Type=NPY)
    assert answer.json == {"outputs": [[2.5], [3.25]]}
    assert answer.headers["Lightship-Model-Version"] == "123"
    assert answer.headers["Content-Type"] == "application/json"


def test_raw_gets_json(ask: Ask) -> None:
    assert raw(ask, X).json == {"outputs": [[2.5], [3.25]]}
    assert raw(ask, X, "/v1/models/m/versions/123:predict").status == 200


@pytest.mark.parametrize(("shape", "sent"), [((), "[]"), ((2, 1), "[2, 1]"), ((3,), "3,"), ((0, 1), "0,1")])
def test_shapes_are_the_senders(ask: Ask, shape: tuple[int, ...], sent: str) -> None:
    answer = raw(ask, np.ones(shape, np.float32), Lightship_Shape=sent, Accept=NPY)
    assert np.load(io.BytesIO(answer.body)).shape == shape


def test_an_answer_comes_in_kind_when_asked(ask: Ask) -> None:
    answer = ask("POST", PREDICT, npy(X), Content_Type=NPY, Accept=NPY)
    assert answer.headers["Content-Type"] == NPY
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.body)), [[2.5], [3.25]])
    answer = raw(ask, X, Accept=RAW)
    described = [answer.headers[f"Lightship-{what}"] for what in ("Output", "Dtype", "Shape", "Model-Version")]
    assert described == ["y", "float32", "2,1", "123"]
    assert np.frombuffer(answer.body, "<f4").tolist() == [2.5, 3.25]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        (f"application/json, {NPY}", "application/json"),
        (f"{NPY};q=0, {RAW}", RAW),
        (f"text/html, {NPY.upper()};q=0.5", NPY),
    ],
)
def test_the_first_form_accepted_is_given(ask: Ask, accept: str, kind: str) -> None:
    assert raw(ask, X, Accept=accept).headers["Content-Type"] == kind


def test_several_inputs_and_outputs_travel_as_npz(ask: Ask) -> None:
    answer = ask("POST", MIXED, npz(**PAIR), Content_Type=NPZ, Accept=NPZ)
    with np.load(io.BytesIO(answer.body)) as outputs:
        assert outputs["sum"].tolist() == [[4.5, 6.0]]
        assert (outputs["ids"].dtype, outputs["ids"].tolist()) == (np.int64, [[4, 5]])
    assert ask("POST", MIXED, npz(**PAIR), Content_Type=NPZ).json["outputs"]["ids"] == [[4, 5]]


def test_one_output_of_several_can_be_named(ask: Ask) -> None:
    answer = ask("POST", MIXED, npz(**PAIR), Content_Type=NPZ, Accept=NPY, Lightship_Output="s%75m")
    assert np.load(io.BytesIO(answer.body)).tolist() == [[4.5, 6.0]]
    assert ask("POST", MIXED, npz(**PAIR), Content_Type=NPZ, Lightship_Output="ids").json == {"outputs": [[4, 5]]}


def test_a_signature_can_be_named(ask: Ask) -> None:
    flags = np.array([True, False])
    answer = raw(ask, flags, MIXED, Lightship_Signature="negate", Accept=RAW)
    assert (answer.headers["Lightship-Dtype"], answer.body) == ("bool", b"\x00\x01")


@pytest.mark.tensorflow
def test_numbers_that_numpy_lacks_travel_raw(ask: Ask) -> None:
    values = np.array([1.5, 2.0], ml_dtypes.bfloat16)
    answer = raw(ask, values, MIXED, Lightship_Signature="brain", Accept=RAW)
    assert np.frombuffer(answer.body, ml_dtypes.bfloat16).tolist() == [0.75, 1.0]
    answer = raw(ask, values, MIXED, Lightship_Signature="brain", Accept=NPY)
    assert (answer.status, "numpy files lack" in answer.error) == (400, True)


def test_a_fortran_array_of_the_other_byte_order_is_read_right(ask: Ask) -> None:
    arrays = {name: np.asfortranarray(np.repeat(array, 3, 0)) for name, array in PAIR.items()}
    arrays["a"] = arrays["a"].astype(">f4")
    assert ask("POST", MIXED, npz(**arrays), Content_Type=NPZ).json["outputs"]["sum"] == [[4.5, 6.0]] * 3


def test_gzip_bodies_are_read(ask: Ask) -> None:
    answer = ask("POST", PREDICT, gzip.compress(npy(X)), Content_Type=NPY, Content_Encoding="gzip")
    assert answer.json == {"outputs": [[2.5], [3.25]]}


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Lightship_Dtype": "float64"}, 'input "x" is float32, but float64 was sent'),
        ({"Lightship_Dtype": "float33"}, 'dtype "float33" is unknown; input "x" is float32'),
        ({"Lightship_Dtype": "string"}, 'dtype "string" is unknown'),
        ({"Lightship_Dtype": ""}, 'dtype "" is unknown'),
        ({"Lightship_Shape": "2,2"}, "shape [2,2] and dtype float32 has 16 bytes, not 8"),
        ({"Lightship_Shape": "-1,1"}, '"-1,1" is not a shape'),
        ({"Lightship_Shape": "two"}, '"two" is not a shape'),
        ({"Lightship_Shape": "99999999999999999999"}, "is not a shape"),
        ({"Lightship_Signature": "no"}, 'Serving signature name: "no" not found in signature def'),
        ({"Lightship_Signature": "classify_x_to_y"}, 'input "inputs" is of dtype string: only numbers and booleans'),
        ({"Lightship_Output": "z"}, 'the signature has no output "z": name one of y'),
        ({"Content_Type": NPY}, "not a .npy file: it begins with"),
        ({"Content_Type": NPZ}, "not a .npz file: it begins with"),
    ],
)
def test_misuse_is_named(ask: Ask, headers: dict[str, str], text: str) -> None:
    answer = raw(ask, X, **headers)
    assert (answer.status, text in answer.error) == (400, True), answer.error


def test_an_empty_tensor_of_vast_dimensions_is_refused(ask: Ask) -> None:
    answer = raw(ask, np.zeros((0, 1), np.float32), Lightship_Shape="0,999999999999")
    assert (answer.status, answer.error.startswith("an empty tensor of shape [0,999999999999]")) == (400, True)


def test_a_missing_header_is_named(ask: Ask) -> None:
    answer = ask("POST", PREDICT, X.tobytes(), Content_Type=RAW, Lightship_Dtype="float32")
    assert (answer.status, "needs the header Lightship-Shape" in answer.error) == (400, True)
    answer = ask("POST", PREDICT, X.tobytes(), Content_Type=RAW, Lightship_Shape="2,1")
    assert (answer.status, "needs the header Lightship-Dtype, such as float32" in answer.error) == (400, True)


@pytest.mark.parametrize(
    ("target", "body", "headers", "text"),
    [
        (MIXED, npy(X), {"Content_Type": NPY}, "2 inputs (a, b): send them together as application/x-npz"),
        (MIXED, npz(**PAIR), {"Content_Type": NPZ, "Accept": NPY}, "2 outputs (ids, sum) and application/x-npy holds"),
        (MIXED, npz(a=PAIR["a"]), {"Content_Type": NPZ}, "Missing but required: {b}"),
        (MIXED, npz(a=PAIR["a"], c=X), {"Content_Type": NPZ}, "not found in request and no default value provided"),
        (MIXED, npz(a=X, b=X), {"Content_Type": NPZ}, 'input "b" is int64, but float32 was sent'),
        (MIXED, npy(X), {"Content_Type": NPY, "Lightship_Signature": "upper"}, 'input "text" is of dtype string'),
        (PREDICT, npy(X.astype(str)), {"Content_Type": NPY}, "'<U32'; only numbers and booleans"),
        (PREDICT, b"", {"Content_Type": NPY}, "it is empty"),
        ("/v1/models/no:predict", npy(X), {"Content_Type": NPY}, "Servable not found for request: Latest(no)"),
        (PREDICT + "?x=1", npy(X), {"Content_Type": NPY}, f"Malformed request: POST {PREDICT}?x=1"),
    ],
)
def test_what_does_not_fit_the_model_is_named(
    ask: Ask, target: str, body: bytes, headers: dict[str, str], text: str
) -> None:
    answer = ask("POST", target, body, **headers)
    assert (answer.status >= 400, text in answer.error) == (True, True), answer.error


@pytest.mark.parametrize("kind", [RAW, "application/x-npy-other", "application/json", "", "text/plain"])
def test_json_of_any_other_type_stays_json(ask: Ask, kind: str) -> None:
    """As clients of TensorFlow Serving send it."""
    answer = ask("POST", PREDICT, json.dumps({"instances": [1.0]}), Content_Type=kind, Accept=NPY)
    assert (answer.json, answer.headers["Content-Type"]) == ({"predictions": [2.5]}, "application/json")


def test_our_headers_mean_nothing_beside_another_type(ask: Ask) -> None:
    answer = ask("POST", PREDICT, b'{"instances": [1.0]}', Content_Type="text/plain", Lightship_Shape="2,1")
    assert answer.json == {"predictions": [2.5]}


def test_an_image_to_a_model_that_takes_no_images_says_what_to_send(ask: Ask) -> None:
    answer = ask("POST", PREDICT, b"\xff\xd8\xff", Content_Type="image/jpeg")
    assert (answer.status, answer.error.endswith("does not take one image: send tensors")) == (400, True)


def test_only_predict_reads_tensors(ask: Ask) -> None:
    answer = ask("POST", "/v1/models/m:classify", npy(X), Content_Type=NPY)
    assert (answer.status, answer.error.startswith("JSON Parse error")) == (400, True)
