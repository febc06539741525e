"""Several classifications and regressions of the same examples."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.example_models import CLASSIFY, REGRESS, example

from lightship.errors import InvalidArgument, Unimplemented
from lightship.lifecycle import Servable
from lightship.services import Classifications, Regressions, Task, multi_inference

TWO = [example(x=1.0), example(x=2.5)]
BOTH, FLAT = Task("m", "both", CLASSIFY), Task("m", "flat", REGRESS)


def test_results_come_in_the_tasks_order(inference: Servable) -> None:
    tasks = [FLAT, BOTH, Task("m", "", CLASSIFY), Task("m", "column", REGRESS)]
    results = multi_inference(inference, tasks, TWO)
    assert [result.signature for result in results] == ["flat", "both", "serving_default", "column"]
    flat, both, _, _ = results
    assert isinstance(flat, Regressions)
    assert isinstance(both, Classifications)
    assert flat.values.tolist() == [2.0, 5.0]
    assert both.classes is not None
    assert both.classes[:, 0].tolist() == [b"1.0", b"2.5"]


@pytest.mark.parametrize(
    ("tasks", "text"),
    [
        ([], "ModelSpec has no name specified."),
        ([replace(BOTH, model="")], "Found ModelSpec with an empty model name."),
        ([BOTH, replace(FLAT, model="")], "Found ModelSpec with an empty model name."),
        (
            [BOTH, replace(FLAT, model="n")],
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        ([BOTH, replace(BOTH, method_name="other")], "Duplicate evaluation of signature: both"),
        (
            [Task("m", "", CLASSIFY), Task("m", "serving_default", REGRESS)],
            "Duplicate evaluation of signature: serving_default",
        ),
        ([BOTH, Task("m", "no", "other")], "Requested signature not found in model graph: no"),
        ([BOTH, Task("m", "three_outputs", CLASSIFY)], "Expected one or two output Tensors, found 3"),
        ([BOTH, Task("m", "two_inputs", REGRESS)], "Expected one input Tensor."),
    ],
)
def test_tasks_that_do_not_fit_are_reported_before_the_input(inference: Servable, tasks: list[Task], text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        multi_inference(inference, tasks, [])
    assert caught.value.message == text


def test_another_method_is_not_implemented(inference: Servable) -> None:
    with pytest.raises(Unimplemented, match="^Unsupported signature method_name: tensorflow/serving/predict$"):
        multi_inference(inference, [BOTH, replace(FLAT, method_name="tensorflow/serving/predict")], TWO)


def test_no_examples_and_wrong_outputs_fail_the_whole_call(inference: Servable) -> None:
    with pytest.raises(InvalidArgument, match="^Input is empty.$"):
        multi_inference(inference, [BOTH, FLAT], [])
    with pytest.raises(InvalidArgument, match="did not match output batch size: 2 vs. 4"):
        multi_inference(inference, [BOTH, Task("m", "more_outputs", REGRESS)], TWO)


def test_method_names_are_checked_where_that_was_asked_for(inference: Servable) -> None:
    strict = replace(inference, check_method_names=True)
    assert len(multi_inference(strict, [BOTH, FLAT], TWO)) == 2
    with pytest.raises(InvalidArgument, match="^Expected regression signature method_name to be "):
        multi_inference(strict, [BOTH, Task("m", "column", REGRESS)], TWO)
