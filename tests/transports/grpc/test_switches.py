"""What two switches change: method names that are checked, and outputs written as tensor_content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from tests.transports.grpc.conftest import call, refusal
from tests.transports.grpc.models import DTYPES
from tests.transports.grpc.test_examples import CLASSIFY, REGRESS, examples, spec, task
from tests.transports.grpc.test_predict import inputs
from tests.transports.grpc.test_tensors import VALUES, array, request, same, tensor_of

from lightship.server import serve
from lightship.tensors.tensor_proto import array_of
from lightship.transports.grpc.options import GrpcOptions

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def strict(folders: dict[str, Path]) -> Iterator[grpc.Channel]:
    """A server that checks method names and writes tensor_content."""
    options = GrpcOptions(tensor_content=True)
    models = [f"{name}={folder}" for name, folder in folders.items()]
    with serve(*models, rest_port="auto", grpc_port="auto", grpc=options, check_method_names=True) as running:
        assert running.wait_ready(60)
        with grpc.insecure_channel(running.grpc_address) as opened:
            yield opened


def test_predict_takes_any_standard_method_and_no_other(strict: grpc.Channel) -> None:
    request = f'model_spec {{ name: "sums" signature_name: "broken" }} {inputs("q")}'
    standard = "{tensorflow/serving/predict, tensorflow/serving/classify, tensorflow/serving/regress}"
    text = f"Expected prediction signature method_name to be one of {standard}. Was: mine"
    assert refusal(strict, "Predict", request) == ("INTERNAL", text)
    assert refusal(strict, "Predict", 'model_spec { name: "inference" signature_name: "flat" }')[0] != "INTERNAL"


PREDICT = "tensorflow/serving/predict"
CLASSIFICATION = f"Expected classification signature method_name to be {CLASSIFY}. Was: "
REGRESSION = f"Expected regression signature method_name to be {REGRESS}. Was: "


@pytest.mark.parametrize(
    ("method", "signature", "message"),
    [
        ("Classify", "two_inputs", CLASSIFICATION + PREDICT),
        ("Classify", "flat", CLASSIFICATION + REGRESS),
        ("Regress", "two_inputs", REGRESSION + PREDICT),
        ("Regress", "both", REGRESSION + CLASSIFY),
    ],
)
def test_classify_and_regress_check_it_before_the_form(
    strict: grpc.Channel, method: str, signature: str, message: str
) -> None:
    asked = f"{spec('inference', signature)} {examples(1.0)}"
    assert refusal(strict, method, asked) == ("INVALID_ARGUMENT", message)
    one = task("inference", signature, CLASSIFY if method == "Classify" else REGRESS)
    assert refusal(strict, "MultiInference", f"{one} {examples(1.0)}") == ("INVALID_ARGUMENT", message)


def test_what_has_the_right_one_is_answered(strict: grpc.Channel) -> None:
    answer = call(strict, "Classify", f"{spec('inference', 'both')} {examples(1.0)}")
    assert answer.result.classifications[0].classes[0].label == "1.0"
    assert call(strict, "Regress", f"{spec('inference', 'flat')} {examples(1.0)}").result.regressions[0].value == 2.0


def test_outputs_are_written_as_content(strict: grpc.Channel) -> None:
    output = call(strict, "Predict", f'model_spec {{ name: "half" }} {inputs("x")}').outputs["y"]
    assert (output.tensor_content, list(output.float_val)) == (np.float32([3.0]).tobytes(), [])


@pytest.mark.parametrize("dtype", DTYPES)
def test_content_alone_holds_every_type(strict: grpc.Channel, dtype: str) -> None:
    sent = array(dtype, VALUES[dtype])
    output = call(strict, "Predict", request(dtype, tensor_of(sent, as_content=False))).outputs["y"]
    assert {field.name for field, _ in output.ListFields()} == {"dtype", "tensor_shape", "tensor_content"}
    assert same(array_of(output), sent)


def test_texts_as_content_are_their_lengths_and_then_their_bytes(strict: grpc.Channel) -> None:
    tensor = (
        'value { dtype: DT_STRING tensor_shape { dim { size: 3 } } string_val: "ab" string_val: "" string_val: "c" }'
    )
    request = f'model_spec {{ name: "identity" signature_name: "string" }} {inputs("x", value=tensor)}'
    assert call(strict, "Predict", request).outputs["y"].tensor_content == b"\x02\x00\x01abc"
