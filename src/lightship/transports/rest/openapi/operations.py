"""The operations of the OpenAPI document, with their requests and responses."""

from __future__ import annotations

from typing import Any

from lightship.transports.rest.openapi.schemas import Schema, any_of, ref

Json = dict[str, Any]

_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")
_BINARY = ("application/x-npy", "application/x-npz", "application/octet-stream")
_FORM: Json = {
    "type": "object",
    "description": "One file; its field may have any name",
    "properties": {"file": {"type": "string", "format": "binary"}},
    "required": ["file"],
    "additionalProperties": False,
}
_ERRORS: Json = {
    "4XX": {"$ref": "#/components/responses/Refused"},
    "5XX": {"$ref": "#/components/responses/Failed"},
}
_ANSWERED_BY: Json = {
    "Lightship-Model-Version": {"description": "The version that answered", "schema": {"type": "integer", "minimum": 0}}
}


def predict_operation(request: Schema, answer: Schema, *, images: bool, forms: bool) -> Json:
    """Returns the operation `:predict`.

    images: whether the model accepts encoded images. forms: whether these may come in a form.
    """
    described = (
        "Tensors as JSON, by rows (`instances`) or by columns (`inputs`); or as bytes: `application/x-npy` for the "
        "only input, `application/x-npz` for several, `application/octet-stream` with the headers `Lightship-Shape` "
        "and `Lightship-Dtype`. The response has the same binary format if `Accept` asks for it."
    )
    if images:
        described += " Or an image file, as the body or as the only file of a form" if forms else " Or an image file"
        described += "; `?top=N`, for images only, says how many labels are wanted."
    content: Json = {"application/json": {"schema": request}}
    content |= {media: {"schema": {}} for media in (*_BINARY, *(_IMAGES if images else ()))}
    if images and forms:
        content["multipart/form-data"] = {"schema": _FORM}
    answers: Json = {"application/json": {"schema": any_of([answer, ref("Images")]) if images else answer}}
    answers |= {media: {"schema": {}} for media in _BINARY}
    return {
        "summary": "Run the model",
        "description": described,
        "parameters": [
            {"$ref": f"#/components/parameters/{name}"} for name in ("Shape", "Dtype", "Signature", "Output")
        ],
        "requestBody": {"required": True, "content": content},
        "responses": _ok("The model's outputs", answers, _ANSWERED_BY),
    }


def explain_operation(request: Schema, methods: list[str], *, images: bool) -> Json:
    """Returns the operation `:explain`.

    images: whether the model accepts encoded images, over which the map can be laid.
    """
    content: Json = {"application/json": {"schema": request}}
    content |= {media: {"schema": {}} for media in (*_BINARY, *(_IMAGES if images else ()))}
    answers = _json(ref("Explanations"))
    names = ["Class", "Top"]
    if images:
        content["multipart/form-data"] = {"schema": _FORM}
        answers["image/png"] = {"schema": {}}
        names += ["Colormap", "Alpha"]
    method: Json = {
        "name": "method",
        "in": "query",
        "description": "How; the default if left out",
        "schema": {"enum": methods},
    }
    return {
        "summary": "Explain an answer",
        "description": (
            "A map for each image of the parts that raise the score of a class: the predicted one, or that of "
            "`class`. The images are those of `:predict`: files, JSON, or tensors as bytes. The options are in the URL "
            "or, if the body is JSON, there. With `Accept: image/png`, one photo is answered with the map over it."
        ),
        "parameters": [method, *({"$ref": f"#/components/parameters/{name}"} for name in (*names, "Shape", "Dtype"))],
        "requestBody": {"required": True, "content": content},
        "responses": _ok("The maps", answers, _ANSWERED_BY),
    }


def classify_operation(request: Schema) -> Json:
    return _examples("Classify examples", request, ref("Classifications"))


def regress_operation(request: Schema) -> Json:
    return _examples("Regress examples", request, ref("Regressions"))


def status_operation() -> Json:
    return {
        "summary": "The states of the versions",
        "responses": _ok("The highest version first", _json(ref("Status"))),
    }


def metadata_operation() -> Json:
    return {"summary": "The signatures", "responses": _ok("Inputs and outputs by name", _json(ref("Metadata")))}


def _examples(summary: str, request: Schema, answer: Schema) -> Json:
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": _json(request)},
        "responses": _ok("A result for each example", _json(answer), _ANSWERED_BY),
    }


def _server(name: str, summary: str, content: Json, **more: Json) -> Json:
    return {
        "get": {
            "tags": ["server"],
            "operationId": name,
            "summary": summary,
            "responses": {"200": {"description": summary, "content": content}, **more},
        }
    }


def _ok(description: str, content: Json, headers: Json | None = None) -> Json:
    answer: Json = {"description": description, "content": content}
    if headers:
        answer["headers"] = headers
    return {"200": answer, **_ERRORS}


def _json(schema: Schema) -> Json:
    return {"application/json": {"schema": schema}}


_PROBE = _json({"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]})
SERVER_PATHS: Json = {
    "/v1/models": _server("models", "All models and their versions", _json(ref("Models")), **_ERRORS),
    "/livez": _server("livez", "Whether the server answers at all", _PROBE),
    "/readyz": _server(
        "readyz",
        "Whether every model answers",
        _PROBE,
        **{"503": {"description": "Not yet, or not any more", "content": _PROBE}},
    ),
    "/metrics": _server("metrics", "What Prometheus reads", {"text/plain": {"schema": {"type": "string"}}}),
    "/openapi.json": _server("openapi", "This document", _json({"type": "object"})),
}
