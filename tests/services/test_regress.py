"""One number for each example, and what is said where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.example_models import example

from lightship.errors import InvalidArgument
from lightship.lifecycle import Servable
from lightship.services import regress

TWO = [example(x=1.0), example(x=2.5)]


@pytest.mark.parametrize("signature", ["flat", "column"])
def test_a_number_for_each_example(inference: Servable, signature: str) -> None:
    result = regress(inference, signature, TWO)
    assert (result.signature, result.values.dtype) == (signature, np.float32)
    assert result.values.tolist() == [2.0, 5.0]


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        ("nope", "No signature was found with the name: nope"),
        ("two_inputs", "Expected one input Tensor."),
        ("both", "Expected one output Tensor."),
        ("table", "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]"),
        ("single", "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
        ("more_outputs", "Input batch size did not match output batch size: 2 vs. 4"),
        ("integers", "Expected output Tensor of DT_FLOAT.  Got: DT_INT32"),
    ],
)
def test_what_is_no_regression_is_reported(inference: Servable, signature: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        regress(inference, signature, TWO)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("signature", "begin"),
    [
        ("another_regress_input", "No regression inputs found in SignatureDef: inputs {"),
        ("", "No regression outputs found in SignatureDef: inputs {"),
    ],
)
def test_a_wrong_signature_is_shown(inference: Servable, signature: str, begin: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        regress(inference, signature, TWO)
    assert caught.value.message.startswith(begin)


def test_a_signature_is_judged_before_its_examples(inference: Servable) -> None:
    with pytest.raises(InvalidArgument, match="^Input is empty.$"):
        regress(inference, "flat", [])
    with pytest.raises(InvalidArgument, match="Expected one output Tensor"):
        regress(inference, "both", [])


def test_method_names_are_checked_where_that_was_asked_for(inference: Servable) -> None:
    strict = replace(inference, check_method_names=True)
    assert regress(strict, "flat", TWO).values.tolist() == [2.0, 5.0]
    text = "^Expected regression signature method_name to be tensorflow/serving/regress. Was: "
    with pytest.raises(InvalidArgument, match=f"{text}tensorflow/serving/predict$"):
        regress(strict, "column", TWO)
