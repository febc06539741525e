"""The OpenAPI document: valid, of the models that are served, and true to what they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from lightship.lifecycle.manager import Manager
from lightship.server import Server, serve
from lightship.services.catalog import served_models
from lightship.transports.rest.openapi.document import openapi_document

ODD_NAME = "a b{c}_½"


@pytest.fixture(scope="module")
def server(half_plus_two: Path, saved_models: Path) -> Iterator[Server]:
    mixed = saved_models / "mixed"
    with serve(f"m={half_plus_two}", mixed, rest_port="auto") as running:
        assert running.wait_ready(60)
        running.manager.set_labels("m", {"stable": 123, "gone": 9})
        yield running


@pytest.fixture
def document(server: Server) -> dict[str, Any]:
    answer = httpx2.get(f"{server.rest_url}/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    return dict(answer.json())


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_each_model_has_its_paths(document: dict[str, Any]) -> None:
    endings = ["", "/metadata", ":predict", ":classify", ":regress"]
    for which in ("", "/versions/{version}", "/labels/{label}"):
        assert {f"/v1/models/m{which}{ending}" for ending in endings} <= document["paths"].keys()
    parameter = document["paths"]["/v1/models/m/versions/{version}:predict"]["post"]["parameters"][0]
    assert parameter["schema"] == {"type": "integer", "enum": [123]}
    parameter = document["paths"]["/v1/models/m/labels/{label}:predict"]["post"]["parameters"][0]
    assert parameter["schema"] == {"type": "string", "enum": ["stable"]}
    assert "/v1/models/mixed:classify" not in document["paths"]


def test_schemas_are_those_of_the_signatures(document: dict[str, Any]) -> None:
    bodies = document["components"]["schemas"]["mixed_predict_request"]["anyOf"]
    (rows,) = (body for body in bodies if body["title"] == "serving_default, by rows")
    members = rows["properties"]["instances"]["items"]["properties"]
    assert members["b"]["items"] == {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    assert (members["a"]["minItems"], members["a"]["maxItems"]) == (2, 2)
    assert members["a"]["description"] == "a: float of shape [?, 2]"


def test_the_page_finds_dtypes_and_shapes(document: dict[str, Any]) -> None:
    half, mixed = document["x-lightship-models"]
    assert (half["name"], half["reason"], half["labels"]) == ("m", None, {"stable": "123", "gone": "9"})
    (version,) = mixed["versions"]
    assert (version["version"], version["state"], version["images"]) == ("1", "AVAILABLE", False)
    assert version["signatures"]["brain"]["inputs"] == {"x": {"dtype": "bfloat16", "shape": [-1]}}
    assert "__saved_model_init_op" not in version["signatures"]


def test_no_models_and_models_without_versions_are_described() -> None:
    manager = Manager()
    try:
        OpenAPIV31SpecValidator(openapi_document(served_models(manager))).validate()
        for name in (ODD_NAME, "a-b", "a b", "½"):
            manager.expect(name, "nothing is there yet")
        document = openapi_document(served_models(manager))
    finally:
        manager.close()
    OpenAPIV31SpecValidator(document).validate()
    paths = [path for path in document["paths"] if path.startswith("/v1/models/")]
    assert paths[0] == "/v1/models/a%20b%7Bc%7D_%C2%BD"
    operations = [document["paths"][path]["get"]["operationId"] for path in paths]
    assert operations == ["a_b_c_status", "a_b_status", "a_b_2_status", "model_status"]
    assert document["tags"][1]["description"] == "Does not answer: nothing is there yet"


def test_an_image_model_takes_images(dog_bundle: Path) -> None:
    with serve(dog_bundle, rest_port="auto") as server:
        assert server.wait_ready(120)
        document = httpx2.get(f"{server.rest_url}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    operation = document["paths"]["/v1/models/dog:predict"]["post"]
    assert {"image/jpeg", "image/png", "application/x-npy"} <= set(operation["requestBody"]["content"])
    assert {"$ref": "#/components/schemas/Images"} in operation["responses"]["200"]["content"]["application/json"][
        "schema"
    ]["anyOf"]
    assert "/v1/models/dog:classify" in document["paths"]


def test_the_document_follows_what_is_served(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto") as server, httpx2.Client(base_url=server.rest_url) as http:
        assert server.wait_ready(60)
        before = http.get("/openapi.json")
        assert http.get("/openapi.json").content == before.content
        server.manager.set_labels("m", {"new": 123})
        assert "/v1/models/m/labels/{label}:predict" in http.get("/openapi.json").json()["paths"]
        assert http.head("/openapi.json").status_code == 200
        assert http.post("/openapi.json").status_code == 404


SOUND = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
FEW = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def call(server: Server, operation: Any, mode: GenerationMode, checks: tuple[str, ...]) -> list[Any]:
    """A few calls made up from an operation of the document, checked; their answers."""
    load_all_checks()
    wanted, answers = list(CHECKS.get_by_names(list(checks))), []

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(base_url=server.rest_url, timeout=30)
        answers.append(answer)
        case.validate_response(answer, checks=wanted)

    ask()
    return answers


def operations(document: dict[str, Any], **paths: Any) -> list[Any]:
    described = schemathesis.openapi.from_dict(json.loads(json.dumps(document)))
    chosen = described.include(**paths) if paths else described
    return [found.ok() for found in chosen.get_all_operations()]


@pytest.mark.slow
def test_answers_are_as_the_document_says(server: Server, document: dict[str, Any]) -> None:
    """Every answer to a call of any media type has a status, type and form that the document names."""
    found = operations(document)
    assert len(found) > 20
    for operation in found:
        assert call(server, operation, GenerationMode.POSITIVE, SOUND)


@pytest.mark.tensorflow
def test_what_the_document_allows_is_answered(server: Server, document: dict[str, Any]) -> None:
    """Tensors as JSON, made up from the schemas of a model's own signatures. No schema can say that
    several columns must be of one length, or that 1.0 is no integer."""
    schema = document["components"]["schemas"]["mixed_predict_request"]
    schema["anyOf"] = [body for body in schema["anyOf"] if body["title"] != "serving_default, by columns"]
    document["components"]["schemas"]["mixed_predict_of_version_request"] = schema
    for item in document["paths"].values():
        for operation in item.values():
            if "requestBody" in operation:
                only = {"application/json": operation["requestBody"]["content"]["application/json"]}
                operation["requestBody"] = {"required": True, "content": only}
    found = operations(document, path_regex="/v1/models/mixed.*:predict")
    assert len(found) == 2
    for operation in found:
        answers = call(server, operation, GenerationMode.POSITIVE, SOUND)
        refused = [answer.json()["error"] for answer in answers if answer.status_code != 200]
        assert all(error.endswith("Type: Number is not of expected type: int64") for error in refused)
        assert len(refused) < len(answers)


@pytest.mark.slow
def test_what_the_document_forbids_breaks_nothing(server: Server, document: dict[str, Any]) -> None:
    for operation in operations(document, method="POST"):
        assert call(server, operation, GenerationMode.NEGATIVE, SOUND[:3])
