"""Predict: the order of its checks, their texts, defaults and filters; and the answer."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from tests.transports.grpc.conftest import Ask, Refused, call, text

from lightship import protos

TWO = "value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 2.0 }"
FOUR = TWO.replace("2.0", "4.0")
NO_NUMBER = 'value { dtype: DT_STRING tensor_shape { dim { size: 1 } } string_val: "a" }'
BAD = "value { dtype: DT_FLOAT tensor_shape { dim { size: -1 } } float_val: 2.0 }"


def inputs(*names: str, value: str = TWO) -> str:
    return " ".join(f'inputs {{ key: "{name}" {value} }}' for name in names)


def test_the_answer_is_the_documented_one(ask: Ask) -> None:
    answer = ask("Predict", f'model_spec {{ name: "half" }} {inputs("x")} output_filter: "y"')
    expected = protos.PredictResponse()
    expected.model_spec.name, expected.model_spec.signature_name = "half", "serving_default"
    expected.model_spec.version.value = 123
    expected.outputs["y"].dtype = 1
    expected.outputs["y"].tensor_shape.dim.add(size=1)
    expected.outputs["y"].float_val.append(3.0)
    assert answer == expected


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("request_text", "code", "message"),
    [
        (
            'model_spec { name: "half" signature_name: "no" }',
            "FAILED_PRECONDITION",
            'Serving signature key "no" not found.',
        ),
        (
            'model_spec { name: "identity" }',
            "FAILED_PRECONDITION",
            'Serving signature key "serving_default" not found.',
        ),
        (
            f'model_spec {{ name: "half" }} {inputs("unknown_key2", "unknown_key1")}',
            "INVALID_ARGUMENT",
            "input size does not match signature: 2!=1 len({unknown_key1,unknown_key2}) != len({x}). "
            "Sent extra: {unknown_key1,unknown_key2}. Missing but required: {x}.",
        ),
        (
            'model_spec { name: "half" }',
            "INVALID_ARGUMENT",
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            f'model_spec {{ name: "half" }} {inputs("x", "y", value=BAD)}',
            "INVALID_ARGUMENT",
            "input size does not match signature: 2!=1 len({x,y}) != len({x}). Sent extra: {y}. "
            "Missing but required: {}.",
        ),
        (
            f'model_spec {{ name: "sums" signature_name: "with_defaults" }} {inputs("b")}',
            "INVALID_ARGUMENT",
            "Signature input alias: a(feed name: with_defaults_a:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {b}, or default input alias set: b",
        ),
        (f'model_spec {{ name: "half" }} {inputs("x", value=BAD)}', "INVALID_ARGUMENT", "tensor parsing error: x"),
        (
            f'model_spec {{ name: "sums" signature_name: "broken" }} {inputs("a")}',
            "INVALID_ARGUMENT",
            "tensor parsing error: b",
        ),
        (
            f'model_spec {{ name: "sums" signature_name: "with_defaults" }} {inputs("a", "c")}',
            "INVALID_ARGUMENT",
            "Inputs contains invalid name. Used request inputs: a, request input: a,c",
        ),
        (
            f'model_spec {{ name: "half" }} {inputs("x")} output_filter: "foo"',
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: foo Outputs expected to be in the set {y}.",
        ),
        (
            f'model_spec {{ name: "half" }} {inputs("x")} output_filter: "y" output_filter: "y"',
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: y",
        ),
        (
            f'model_spec {{ name: "half" }} {inputs("x", value=BAD)} output_filter: "foo"',
            "INVALID_ARGUMENT",
            "tensor parsing error: x",
        ),
        (
            'model_spec { name: "half" } inputs { key: "x" value { dtype: DT_STRING string_val: "a" } }',
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but string is provided",
        ),
    ],
)
def test_what_is_wrong_is_said_in_the_references_order(
    refused: Refused, request_text: str, code: str, message: str
) -> None:
    assert refused("Predict", request_text) == (code, message)


def test_an_input_that_was_not_given_takes_its_default(ask: Ask) -> None:
    answer = ask("Predict", f'model_spec {{ name: "sums" signature_name: "with_defaults" }} {inputs("a")}')
    assert list(answer.outputs["sum"].float_val) == [7.0]


def test_an_output_filter_leaves_the_others_out(ask: Ask) -> None:
    answer = ask("Predict", f'model_spec {{ name: "sums" }} {inputs("a", "b")} output_filter: "difference"')
    assert list(answer.outputs) == ["difference"]
    assert set(ask("Predict", f'model_spec {{ name: "sums" }} {inputs("a", "b")}').outputs) == {"difference", "sum"}


@pytest.mark.tensorflow
def test_only_the_filtered_outputs_are_computed(ask: Ask, refused: Refused) -> None:
    texts = f'model_spec {{ name: "numbers" }} {inputs("s", value=NO_NUMBER)}'
    assert refused("Predict", texts)[0] == "INVALID_ARGUMENT"
    assert list(ask("Predict", f'{texts} output_filter: "text"').outputs["text"].string_val) == [b"a"]


def test_of_an_input_given_twice_the_last_counts(ask: Ask) -> None:
    request = protos.PredictRequest()
    request.model_spec.name = "half"
    request.MergeFrom(text(inputs("x"), protos.PredictRequest))
    twice = request.SerializeToString() + text(inputs("x", value=FOUR), protos.PredictRequest).SerializeToString()
    assert list(ask("Predict", protos.PredictRequest.FromString(twice)).outputs["y"].float_val) == [4.0]


@pytest.mark.parametrize("shape", ["", "dim { size: 3 }", "dim { size: 1 } dim { size: 1 } dim { size: 2 }"])
def test_declared_shapes_are_not_enforced(ask: Ask, shape: str) -> None:
    tensor = f"value {{ dtype: DT_FLOAT tensor_shape {{ {shape} }} float_val: 2.0 }}"
    answer = ask("Predict", f'model_spec {{ name: "half" }} {inputs("x", value=tensor)}').outputs["y"]
    assert set(answer.float_val) == {3.0}
    assert len(answer.float_val) == np.prod([dim.size for dim in answer.tensor_shape.dim], dtype=int)


def test_a_scalar_has_an_empty_shape(ask: Ask) -> None:
    scalar = "value { dtype: DT_FLOAT float_val: 2.0 }"
    answer = ask("Predict", f'model_spec {{ name: "half" }} {inputs("x", value=scalar)}').outputs["y"]
    assert answer.HasField("tensor_shape")
    assert not answer.tensor_shape.dim


def test_fields_of_streams_are_ignored(ask: Ask) -> None:
    options = "request_options { return_all_stoptokens: true } predict_streamed_options { request_state: SPLIT }"
    more = f'client_id: "c" {options}'
    answer = ask("Predict", f'model_spec {{ name: "half" }} {inputs("x")} {more}')
    assert list(answer.outputs["y"].float_val) == [3.0]


def test_fields_that_are_not_known_are_ignored(channel: grpc.Channel) -> None:
    """Newer clients say more, such as how large what follows will be."""
    known = text(f'model_spec {{ name: "half" }} {inputs("x")}', protos.PredictRequest).SerializeToString()
    handshake, unknown = b"\x3a\x04\x6a\x02\x08\x05", b"\xfa\x3f\x01x"  # of request_options; of the request
    answer = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(known + handshake + unknown)
    assert list(protos.PredictResponse.FromString(answer).outputs["y"].float_val) == [3.0]


def test_a_request_that_is_no_message_is_refused(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/tensorflow.serving.PredictionService/Predict")(b"\xff\xff", timeout=60)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "PredictRequest" in caught.value.details()


@pytest.mark.parametrize(
    "method",
    [
        "/tensorflow.serving.SessionService/SessionRun",
        "/tensorflow.serving.PredictionService/PredictStreamed",
        "/tensorflow.ProfilerService/Profile",
        "/tensorflow.ProfilerService/Monitor",
        "/tensorflow.serving.PredictionService/No",
        "/a/b",
    ],
)
def test_other_methods_are_unimplemented(channel: grpc.Channel, method: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"", timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_long_text_is_cut_and_has_no_further_details(channel: grpc.Channel) -> None:
    name = "x" * 2000
    expected = f"Servable not found for request: Latest({name})"
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, "Predict", f'model_spec {{ name: "{name}" }}')
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == f"{expected[:1024]}...TRUNCATED"
    assert not caught.value.initial_metadata()
    assert [key for key, _ in caught.value.trailing_metadata()] == ["lightship-hint"]  # and no binary details
