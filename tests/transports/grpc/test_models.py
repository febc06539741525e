"""Metadata and status of models over gRPC."""

from __future__ import annotations

from pathlib import Path

import grpc
import httpx2
import pytest
from google.protobuf import json_format
from tests.transports.grpc.conftest import Ask, Refused, call

from lightship import protos
from lightship.server import Server, serve

FIELD = 'metadata_field: "signature_def"'


def test_metadata_holds_every_signature(ask: Ask) -> None:
    answer = ask("GetModelMetadata", f'model_spec {{ name: "sums" }} {FIELD}')
    assert (answer.model_spec.name, answer.model_spec.signature_name) == ("sums", "")
    assert answer.model_spec.version.value == 1
    packed = answer.metadata["signature_def"]
    assert packed.type_url == "type.googleapis.com/tensorflow.serving.SignatureDefMap"
    signatures = protos.SignatureDefMap.FromString(packed.value).signature_def
    assert {"serving_default", "with_defaults", "broken"} <= set(signatures)
    assert list(signatures["with_defaults"].defaults["b"].float_val) == [5.0]


def test_metadata_is_that_of_rest(server: Server, ask: Ask) -> None:
    answer = ask("GetModelMetadata", f'model_spec {{ name: "half" }} {FIELD}')
    signatures = protos.SignatureDefMap.FromString(answer.metadata["signature_def"].value)
    rest = httpx2.get(f"{server.rest_url}/v1/models/half/metadata").json()["metadata"]["signature_def"]
    assert json_format.ParseDict(rest, protos.SignatureDefMap()) == signatures


@pytest.mark.parametrize(
    ("request_text", "message"),
    [
        ("", "Missing ModelSpec"),
        ("model_spec {}", "GetModelMetadataRequest must specify at least one metadata_field"),
        ('model_spec {} metadata_field: "FOO"', "Metadata field FOO is not supported"),
        (f'model_spec {{}} {FIELD} metadata_field: "FOO"', "Metadata field FOO is not supported"),
        (f"model_spec {{}} {FIELD}", "ModelSpec has no name specified."),
    ],
)
def test_metadata_checks_its_field_before_the_model(refused: Refused, request_text: str, message: str) -> None:
    assert refused("GetModelMetadata", request_text) == ("INVALID_ARGUMENT", message)


def test_status_names_versions_and_states(ask: Ask) -> None:
    (status,) = ask("GetModelStatus", 'model_spec { name: "half" }').model_version_status
    assert (status.version, status.state) == (123, 30)
    assert status.HasField("status")
    assert (status.status.error_code, status.status.error_message) == (0, "")
    assert len(ask("GetModelStatus", 'model_spec { name: "half" version { value: 123 } }').model_version_status) == 1


@pytest.mark.parametrize(
    ("request_text", "code", "message"),
    [
        ("", "INVALID_ARGUMENT", "Missing ModelSpec"),
        ("model_spec {}", "NOT_FOUND", "Could not find any versions of model "),
        ('model_spec { name: "no" }', "NOT_FOUND", "Could not find any versions of model no"),
        ('model_spec { name: "no" version { value: 1 } }', "NOT_FOUND", "Could not find version 1 of model no"),
        (
            'model_spec { name: "half" version { value: 5 } }',
            "NOT_FOUND",
            "Could not find version 5 of model half",
        ),
    ],
)
def test_the_status_of_what_is_not_there(refused: Refused, request_text: str, code: str, message: str) -> None:
    assert refused("GetModelStatus", request_text) == (code, message)


def test_a_version_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    (tmp_path / "m" / "4").mkdir(parents=True)
    (tmp_path / "m" / "4" / "saved_model.pb").write_bytes(b"broken")
    with serve(f"m={tmp_path / 'm'}", wait=False, rest_port="auto", grpc_port="auto") as server:
        assert server.manager.wait(lambda manager: manager.settled_status("m") is not None, 60)
        with grpc.insecure_channel(server.grpc_address) as channel:
            (status,) = call(channel, "GetModelStatus", 'model_spec { name: "m" }').model_version_status
    assert (status.version, status.state) == (4, 50)
    assert status.status.error_code == 15
    assert "cannot be parsed" in status.status.error_message


def test_the_models_are_listed_as_over_rest(server: Server, channel: grpc.Channel) -> None:
    stub = channel.unary_unary("/lightship.v1.ModelCatalog/ListModels")
    answer = protos.ListModelsResponse.FromString(stub(b"", timeout=60))
    rest = httpx2.get(f"{server.rest_url}/v1/models").json()["models"]
    found = [(model.name, model.reason, [one.version for one in model.versions]) for model in answer.models]
    assert found == [(one["name"], one["reason"] or "", [int(v["version"]) for v in one["versions"]]) for one in rest]
    assert {model.name: dict(model.labels) for model in answer.models} == {one["name"]: one["labels"] for one in rest}
