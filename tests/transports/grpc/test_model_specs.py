"""Which servable a call means, and what is said where there is none."""

from __future__ import annotations

import pytest
from tests.transports.grpc.conftest import Ask, Refused, text

from lightship import protos
from lightship.server import Server

X = 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 2.0 } }'
SPECS = [
    ("", "INVALID_ARGUMENT", "Missing ModelSpec"),
    ("model_spec {}", "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    ('model_spec { name: "no" }', "NOT_FOUND", "Servable not found for request: Latest(no)"),
    (
        'model_spec { name: "half" version { value: 5 } }',
        "NOT_FOUND",
        "Servable not found for request: Specific(half, 5)",
    ),
    ('model_spec { name: "half" version {} }', "NOT_FOUND", "Servable not found for request: Specific(half, 0)"),
    (
        'model_spec { name: "half" version_label: "L" }',
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: L",
    ),
    ('model_spec { name: "no" version_label: "L" }', "INVALID_ARGUMENT", "Unrecognized servable version label: L"),
    ('model_spec { name: "half" version_label: "" }', "INVALID_ARGUMENT", "Unrecognized servable version label: "),
]


@pytest.mark.parametrize(("spec", "code", "message"), SPECS)
@pytest.mark.parametrize("method", ["Predict", "Classify", "Regress", "GetModelMetadata"])
def test_a_spec_that_names_nothing_is_refused(
    refused: Refused, method: str, spec: str, code: str, message: str
) -> None:
    field = 'metadata_field: "signature_def"' if method == "GetModelMetadata" else ""
    assert refused(method, f"{spec} {field}") == (code, message)


@pytest.mark.parametrize(("spec", "code", "message"), SPECS[1:])
def test_multi_inference_goes_by_the_first_task(refused: Refused, spec: str, code: str, message: str) -> None:
    assert refused("MultiInference", f"tasks {{ {spec} }}") == (code, message)


def test_multi_inference_without_tasks_or_spec_has_no_name(refused: Refused) -> None:
    expected = "INVALID_ARGUMENT", "ModelSpec has no name specified."
    assert refused("MultiInference", "") == expected
    assert refused("MultiInference", "tasks {}") == expected


def test_of_a_version_and_a_label_the_last_on_the_wire_counts(ask: Ask, refused: Refused) -> None:
    label = protos.PredictRequest()
    label.model_spec.version_label = "L"
    version = protos.PredictRequest()
    version.model_spec.version.value = 123
    named = text(f'model_spec {{ name: "half" }} {X}', protos.PredictRequest).SerializeToString()
    both = [one.SerializeToString() for one in (label, version)]
    answer = ask("Predict", protos.PredictRequest.FromString(named + both[0] + both[1]))
    assert answer.model_spec.version.value == 123
    last = protos.PredictRequest.FromString(named + both[1] + both[0])
    assert refused("Predict", last) == ("INVALID_ARGUMENT", "Unrecognized servable version label: L")


@pytest.mark.parametrize("version", ["", "version { value: 123 }"])
def test_the_answer_names_the_version_that_answered(ask: Ask, version: str) -> None:
    answer = ask("Predict", f'model_spec {{ name: "half" {version} }} {X}')
    assert answer.model_spec.name == "half"
    assert answer.model_spec.signature_name == "serving_default"
    assert answer.model_spec.version.value == 123


def test_a_label_is_followed_and_not_echoed(server: Server, ask: Ask) -> None:
    server.manager.set_labels("half", {"stable": 123, "gone": 7})
    try:
        answer = ask("Predict", f'model_spec {{ name: "half" version_label: "stable" }} {X}')
        assert answer.model_spec.version.value == 123
        assert not answer.model_spec.version_label
    finally:
        server.manager.set_labels("half", {})


def test_a_label_of_a_version_that_is_not_loaded_is_not_found(server: Server, refused: Refused) -> None:
    server.manager.set_labels("half", {"gone": 7})
    try:
        answer = refused("Predict", f'model_spec {{ name: "half" version_label: "gone" }} {X}')
        assert answer == ("NOT_FOUND", "Servable not found for request: Specific(half, 7)")
    finally:
        server.manager.set_labels("half", {})
