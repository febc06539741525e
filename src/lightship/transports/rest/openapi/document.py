"""Writes the OpenAPI 3.1 document of a server, with paths for each model and schemas of its inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from lightship import __version__
from lightship.bundle.explain_spec import ExplainSpec
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec
from lightship.services.catalog import ServedModel, ServedVersion
from lightship.tensors.raw import dtype_name
from lightship.transports.rest.openapi.operations import (
    SERVER_PATHS,
    classify_operation,
    explain_operation,
    metadata_operation,
    predict_operation,
    regress_operation,
    status_operation,
)
from lightship.transports.rest.openapi.schemas import (
    Schema,
    examples_request,
    explain_request,
    predict_request,
    predict_response,
)
from lightship.transports.rest.openapi.shared import PARAMETERS, RESPONSES, SCHEMAS

Json = dict[str, Any]

_ABOUT = (
    "TensorFlow Serving's REST API, answered by [Lightship](/docs). Shapes are those that the models declare; as with "
    "TensorFlow Serving they are not enforced: other shapes run where the model's operations can take them."
)


def openapi_document(models: Iterable[ServedModel], *, extensions: bool = True) -> Json:
    """Returns the document of `GET /openapi.json`. Its `x-lightship-models` lists the models for the page `/docs`.

    extensions: whether images may come in forms, and `:explain` is answered.
    """
    served = list(models)
    paths: Json = {}
    schemas: Json = dict(SCHEMAS)
    names = _Names()
    for model in served:
        _Paths(model, names.of(model.name), paths, schemas, extensions=extensions).add()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lightship", "version": __version__, "description": _ABOUT},
        "tags": [{"name": "server"}, *({"name": model.name, "description": _state(model)} for model in served)],
        "paths": paths | SERVER_PATHS,
        "components": {"schemas": schemas, "responses": RESPONSES, "parameters": PARAMETERS},
        "x-lightship-models": [_model(model) for model in served],
    }


class _Names:
    """Gives each model a unique name of letters, digits and `_`, which generated code can use."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, model: str) -> str:
        plain = name = re.sub(r"[^A-Za-z0-9]+", "_", model).strip("_") or "model"
        count = 1
        while name in self._taken:
            count += 1
            name = f"{plain}_{count}"
        self._taken.add(name)
        return name


class _Paths:
    """Adds the paths and schemas of one model."""

    def __init__(self, model: ServedModel, name: str, paths: Json, schemas: Json, *, extensions: bool) -> None:
        self._model, self._name, self._extensions = model, name, extensions
        self._paths, self._schemas = paths, schemas
        self._base = f"/v1/models/{quote(model.name, safe='')}"

    def add(self) -> None:
        versions = [version.version for version in self._model.versions]
        self._get(self._base, status_operation(), "status")
        if versions:
            parameter = _parameter("version", "integer", versions)
            self._get(f"{self._base}/versions/{{version}}", status_operation(), "status_of_version", parameter)
        answering = self._model.answering
        if not answering:
            return
        self._verbs("", answering[:1], "")
        numbers = [version.version for version in answering]
        self._verbs("/versions/{version}", answering, "_of_version", _parameter("version", "integer", numbers))
        labelled = {
            label: version
            for label, number in self._model.labels.items()
            for version in answering
            if version.version == number
        }
        if labelled:
            parameter = _parameter("label", "string", list(labelled))
            self._get(f"{self._base}/labels/{{label}}", status_operation(), "status_of_label", parameter)
            self._verbs("/labels/{label}", tuple(labelled.values()), "_of_label", parameter)

    def _verbs(self, which: str, versions: tuple[ServedVersion, ...], ending: str, *parameters: Json) -> None:
        signatures = [signature for version in versions for signature in version.signatures.values()]
        url = self._base + which
        self._get(f"{url}/metadata", metadata_operation(), f"metadata{ending}", *parameters)
        request = self._schema(f"predict{ending}_request", predict_request(signatures))
        answer = self._schema(f"predict{ending}_answer", predict_response(signatures))
        images = any(version.images for version in versions)
        predict = predict_operation(request, answer, images=images, forms=self._extensions)
        self._post(f"{url}:predict", predict, f"predict{ending}", *parameters)
        if self._extensions:
            self._explain(f"{url}:explain", versions, ending, *parameters)
        for verb, operation in (("classify", classify_operation), ("regress", regress_operation)):
            able = [name for version in versions for name, verbs in version.verbs.items() if verb in verbs]
            if able:
                body = self._schema(f"{verb}{ending}_request", examples_request(able))
                self._post(f"{url}:{verb}", operation(body), f"{verb}{ending}", *parameters)

    def _explain(self, url: str, versions: tuple[ServedVersion, ...], ending: str, *parameters: Json) -> None:
        methods = dict.fromkeys(name for one in versions if one.explain is not None for name in one.explain.methods)
        if not methods:
            return
        able = [one for one in versions if one.explain is not None]
        inputs = [signature for one in able if (signature := one.signatures.get(DEFAULT_SIGNATURE)) is not None]
        images = any(one.images for one in able)
        body = self._schema(f"explain{ending}_request", explain_request(inputs, list(methods), images=images))
        self._post(url, explain_operation(body, list(methods), images=images), f"explain{ending}", *parameters)

    def _schema(self, name: str, schema: Schema) -> Schema:
        self._schemas[f"{self._name}_{name}"] = schema
        return {"$ref": f"#/components/schemas/{self._name}_{name}"}

    def _get(self, path: str, operation: Json, name: str, *parameters: Json) -> None:
        self._add(path, "get", operation, name, parameters)

    def _post(self, path: str, operation: Json, name: str, *parameters: Json) -> None:
        self._add(path, "post", operation, name, parameters)

    def _add(self, path: str, verb: str, operation: Json, name: str, parameters: tuple[Json, ...]) -> None:
        operation = {"tags": [self._model.name], "operationId": f"{self._name}_{name}", **operation}
        if parameters:
            operation["parameters"] = [*parameters, *operation.get("parameters", [])]
        self._paths[path] = {verb: operation}


def _parameter(name: str, kind: str, values: list[Any]) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": kind, "enum": values}}


def _state(model: ServedModel) -> str:
    if model.reason is not None:
        return f"Does not answer: {model.reason}"
    return "Answers by version " + ", ".join(str(version.version) for version in model.answering)


def _model(model: ServedModel) -> Json:
    return {
        "name": model.name,
        "reason": model.reason,
        "labels": {label: str(number) for label, number in model.labels.items()},
        "versions": [_version(version) for version in model.versions],
    }


def _version(version: ServedVersion) -> Json:
    """Describes a version.

    Version numbers are strings throughout the API, because JavaScript cannot represent all of them.
    """
    return {
        "version": str(version.version),
        "state": version.state,
        "problem": version.problem,
        "images": version.images,
        "advice": version.advice,
        "classes": version.classes,
        "image": None if version.image is None else version.image.to_json(),
        "explain": None if version.explain is None else _explain(version.explain),
        "signatures": {
            name: _signature(signature, version.verbs[name]) for name, signature in version.signatures.items()
        },
    }


def _explain(spec: ExplainSpec) -> Json:
    return {"layer": spec.layer, "default": spec.default, "methods": list(spec.methods)}


def _signature(signature: Signature, verbs: tuple[str, ...]) -> Json:
    return {
        "method": signature.method_name,
        "verbs": verbs,
        "inputs": {name: _tensor(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _tensor(spec) for name, spec in signature.outputs.items()},
    }


def _tensor(spec: TensorSpec) -> Json:
    return {"dtype": dtype_name(spec.dtype), "shape": None if spec.shape is None else list(spec.shape)}
