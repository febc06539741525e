"""The schemas, errors and parameters of the OpenAPI document that the paths of all models share."""

from __future__ import annotations

from typing import Any

from lightship.images.colormaps import COLORMAPS
from lightship.services.explain import MAX_TOP
from lightship.transports.rest.openapi.schemas import Schema, object_of, ref

Json = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_STATE: Schema = {"enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]}
_ENGINES: Schema = {
    "type": "object",
    "description": "Which engine runs each signature, why, and how its answers were checked",
    "additionalProperties": object_of({"engine": _TEXT, "reason": _TEXT, "proof": _TEXT}),
}
_SCALAR: Schema = {"anyOf": [{"type": ["number", "boolean", "string"]}, ref("Base64")]}

SCHEMAS: Json = {
    "Error": object_of({"error": _TEXT}),
    "Base64": object_of({"b64": {"type": "string", "contentEncoding": "base64"}}, description="Bytes"),
    "TextOrBytes": {"description": "A text, or bytes in base64", "anyOf": [_TEXT, ref("Base64")]},
    "Example": {
        "type": "object",
        "description": "A tf.Example: features by name, each a value or a list of values of one kind",
        "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]},
    },
    "Status": object_of(
        {
            "model_version_status": {
                "type": "array",
                "items": object_of(
                    {
                        "version": _TEXT,
                        "state": _STATE,
                        "status": object_of({"error_code": _TEXT, "error_message": _TEXT}),
                    }
                ),
            }
        }
    ),
    "Metadata": object_of(
        {
            "model_spec": object_of({"name": _TEXT, "signature_name": _TEXT, "version": _TEXT}),
            "metadata": object_of(
                {
                    "signature_def": object_of(
                        {"signature_def": {"type": "object", "additionalProperties": {"type": "object"}}}
                    )
                }
            ),
        }
    ),
    "Models": object_of(
        {
            "models": {
                "type": "array",
                "items": object_of(
                    {
                        "name": _TEXT,
                        "ready": {"type": "boolean"},
                        "reason": {"type": ["string", "null"]},
                        "notice": _TEXT,
                        "versions": {
                            "type": "array",
                            "items": object_of(
                                {"version": _TEXT, "state": _STATE, "note": _TEXT, "signatures": _ENGINES}
                            ),
                        },
                        "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
                    }
                ),
            }
        }
    ),
    "Images": object_of(
        {
            "predictions": {
                "type": "array",
                "items": object_of(
                    {
                        "labels": {"type": "array", "items": _TEXT},
                        "scores": {"type": "array", "items": {"type": "number"}},
                    }
                ),
            }
        },
        description="The answer to an encoded image: the best labels, and their scores",
    ),
    "Classifications": object_of(
        {
            "results": {
                "type": "array",
                "items": {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "prefixItems": [_TEXT, {"type": "number"}],
                        "minItems": 2,
                        "maxItems": 2,
                    },
                },
            }
        },
        description="For each example, pairs of a label and its score",
    ),
    "Explanations": object_of(
        {
            "explanations": {
                "description": "One for each image; with `top` of 2 or more a list for each, the best class first",
                "type": "array",
                "items": {"anyOf": [ref("Explanation"), {"type": "array", "items": ref("Explanation")}]},
            },
            "method": _TEXT,
            "layer": _TEXT,
            "model": _TEXT,
        }
    ),
    "Explanation": {
        "type": "object",
        "properties": {
            "class_index": {"type": "integer", "minimum": 0},
            "label": {"type": ["string", "null"]},
            "score": {"type": "number"},
            "logit": {"type": "number"},
            "map": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "region": {
                "description": "Left, top, right and bottom of what the map covers, as fractions of the photo, beyond "
                "0 to 1 where it was padded; all of it if this is left out",
                "type": "array",
                "items": {"type": "number"},
                "minItems": 4,
                "maxItems": 4,
            },
        },
        "required": ["class_index", "label", "score", "logit", "map"],
        "additionalProperties": False,
    },
    "Regressions": object_of({"results": {"type": "array", "items": {"type": "number"}}}),
}

_ERROR = {"application/json": {"schema": ref("Error")}}
RESPONSES: Json = {
    "Refused": {
        "description": "The request is invalid, or asks for something that does not exist",
        "headers": {
            "Lightship-Hint": {
                "description": "What may help, such as the name that was probably meant; percent-encoded",
                "schema": _TEXT,
            }
        },
        "content": _ERROR,
    },
    "Failed": {"description": "The server cannot answer, or not in time", "content": _ERROR},
}


def _header(name: str, description: str, example: str) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": _TEXT, "example": example}


def _option(name: str, description: str, schema: Schema) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


PARAMETERS: Json = {
    "Class": _option(
        "class", "A label, an index, or predicted; once, or once for each image", {"type": "array", "items": _TEXT}
    ),
    "Top": _option(
        "top", "Explain so many classes, the best first", {"type": "integer", "minimum": 1, "maximum": MAX_TOP}
    ),
    "Colormap": _option("colormap", "Of an image as the answer", {"enum": list(COLORMAPS)}),
    "Alpha": _option("alpha", "How much of the colours is seen", {"type": "number", "minimum": 0, "maximum": 1}),
    "Shape": _header("Lightship-Shape", "The shape of an application/octet-stream body", "1,160,160,3"),
    "Dtype": _header("Lightship-Dtype", "The dtype of an application/octet-stream body", "float32"),
    "Signature": _header("Lightship-Signature", "Of a binary body: the signature, if another", "serving_default"),
    "Output": _header("Lightship-Output", "Of a binary body: the one output to answer with", "scores"),
}
