"""What predict checks before it runs anything: method names, inputs and their defaults, outputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.example_models import set_method_names

from lightship.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    LightshipError,
    OutOfRange,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
    WrongShapes,
)
from lightship.lifecycle import Servable, ServableId, load_servable
from lightship.services import check_signature, predict
from lightship.services.predict_checks import with_shapes

ONE = np.ones((1, 1), np.float32)


@pytest.fixture(scope="module")
def sums(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servable]:
    """sum = a + b, difference = a - b; in the signature with_defaults b is 5, in broken its default is no tensor."""
    folder = shutil.copytree(saved_models / "sums" / "1", tmp_path_factory.mktemp("sums") / "1")
    set_method_names(folder, {"with_defaults": "tensorflow/serving/classify"})
    servable = load_servable(ServableId("sums", 1), folder)
    yield servable
    servable.close()


def test_a_default_takes_the_place_of_what_was_not_given(sums: Servable) -> None:
    signature = check_signature(sums, "with_defaults")
    assert predict(sums, signature, {"a": ONE}, ["sum"])["sum"].tolist() == [[6.0]]
    assert predict(sums, signature, {"a": ONE, "b": ONE}, ["sum"])["sum"].tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("signature", "names", "text"),
    [
        (
            "",
            "a",
            "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. "
            "Missing but required: {b}.",
        ),
        (
            "with_defaults",
            "zabc",
            "input size does not match signature: 4!=2 len({a,b,c,z}) != len({a,b}). Sent extra: {c,z}. "
            "Missing but required: {}.",
        ),
        (
            "",
            "zb",
            "Signature input alias: a(feed name: serving_default_a:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {b,z}, or default input alias set: ",
        ),
        (
            "with_defaults",
            "b",
            "Signature input alias: a(feed name: with_defaults_a:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {b}, or default input alias set: b",
        ),
        ("with_defaults", "za", "Inputs contains invalid name. Used request inputs: a, request input: a,z"),
        ("broken", "a", "tensor parsing error: b"),
    ],
)
def test_inputs_that_do_not_fit_are_reported(sums: Servable, signature: str, names: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        predict(sums, check_signature(sums, signature), dict.fromkeys(names, ONE))
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        (["no"], "output tensor alias not found in signature: no Outputs expected to be in the set {difference,sum}."),
        (["sum", "sum", "no"], "duplicate output tensor alias: sum"),
    ],
)
def test_outputs_that_do_not_fit_are_reported_before_types(sums: Servable, outputs: list[str], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        predict(sums, check_signature(sums, ""), {"a": ONE, "b": ONE.astype(np.int32)}, outputs)
    assert caught.value.message == text


def test_no_outputs_are_all_outputs(sums: Servable) -> None:
    assert set(predict(sums, check_signature(sums, ""), {"a": ONE, "b": ONE}, [])) == {"sum", "difference"}


def test_method_names_are_checked_where_that_was_asked_for(sums: Servable) -> None:
    inputs = {"a": ONE, "b": ONE}
    strict = replace(sums, check_method_names=True)
    for name in ("serving_default", "with_defaults"):
        predict(strict, check_signature(strict, name), inputs)
    predict(sums, check_signature(sums, "broken"), inputs)
    with pytest.raises(Internal) as caught:
        predict(strict, check_signature(strict, "broken"), inputs)
    assert caught.value.message == (
        "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
        "tensorflow/serving/classify, tensorflow/serving/regress}. Was: mine"
    )


@pytest.mark.parametrize("kind", [InvalidArgument, Unimplemented, Internal, OutOfRange])
def test_an_error_about_other_shapes_than_declared_notes_those_that_are(
    sums: Servable, kind: type[LightshipError]
) -> None:
    signature = check_signature(sums, "")
    wrong = {"a": np.ones((2, 3, 4), np.float32), "b": ONE}
    noted = with_shapes(kind("no"), signature, wrong)
    assert (type(noted), noted.message) == (kind, "no")
    assert isinstance(noted.fault, WrongShapes)
    assert noted.fault.text.startswith('input "a" has shape [2, 3, 4], but [')
    assert with_shapes(kind("no"), signature, {"a": ONE, "b": ONE}).fault is None


@pytest.mark.parametrize("kind", [ResourceExhausted, Unavailable, DeadlineExceeded, FailedPrecondition])
def test_an_error_that_shapes_do_not_cause_does_not_blame_them(sums: Servable, kind: type[LightshipError]) -> None:
    wrong = {"a": np.ones((2, 3, 4), np.float32), "b": ONE}
    assert with_shapes(error := kind("no"), check_signature(sums, ""), wrong) is error
