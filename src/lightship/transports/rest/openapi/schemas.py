"""JSON schemas of the inputs and outputs of signatures, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec
from lightship.services.explain import MAX_TOP
from lightship.tensors.dtypes import DataType
from lightship.tensors.shapes import declared_shape

Schema = dict[str, Any]

# The largest finite numbers. A larger number becomes infinite.
_FLOATS = {
    DataType.DT_DOUBLE: float(np.finfo(np.float64).max),
    DataType.DT_FLOAT: float(np.finfo(np.float32).max),
    DataType.DT_BFLOAT16: 3.3895313892515355e38,
    DataType.DT_HALF: 65504.0,
}
_INTEGERS = {
    *(DataType.DT_INT8, DataType.DT_INT16, DataType.DT_INT32, DataType.DT_INT64),
    *(DataType.DT_UINT8, DataType.DT_UINT16, DataType.DT_UINT32, DataType.DT_UINT64),
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(members: Mapping[str, Schema], **more: Any) -> Schema:
    """Returns the schema of an object with exactly these members."""
    return {
        "type": "object",
        "properties": dict(members),
        "required": list(members),
        "additionalProperties": False,
        **more,
    }


def any_of(schemas: Iterable[Schema]) -> Schema:
    """Returns a schema that accepts any of several schemas. Duplicates are removed."""
    distinct: list[Schema] = []
    for schema in schemas:
        if schema not in distinct:
            distinct.append(schema)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def predict_request(signatures: Iterable[Signature]) -> Schema:
    """Returns the schema of the body of `:predict` for any of these signatures, in row or columnar format."""
    bodies = [body for signature in signatures if signature.inputs for body in _bodies(signature)]
    return any_of(bodies) if bodies else {"type": "object"}


def predict_response(signatures: Iterable[Signature]) -> Schema:
    """Returns the schema of the response of `:predict`: `predictions` in row format, `outputs` in columnar format."""
    return any_of(answer for signature in signatures for answer in _answers(signature))


def examples_request(signatures: Iterable[str]) -> Schema:
    """Returns the schema of the body of `:classify` and `:regress`, for signatures with these names."""
    members = {
        "signature_name": {"enum": sorted(set(signatures))},
        "context": ref("Example"),
        "examples": _list(ref("Example")),
    }
    return {"type": "object", "properties": members, "required": ["examples"]}


def explain_request(signatures: Iterable[Signature], methods: list[str], *, images: bool) -> Schema:
    """Returns the schema of the JSON body of `:explain`.

    signatures: those that take the model's own input. images: whether encoded images are taken.
    """
    rows = [_tensor(spec, _row_shape(spec)) for signature in signatures for spec in signature.inputs.values()]
    kinds = [*rows, ref("Base64")] if images else rows
    chosen = {"type": ["string", "integer"], "description": 'A label, an index, or "predicted"'}
    return {
        "type": "object",
        "properties": {
            "instances": any_of(_list(kind) for kind in kinds),
            "method": {"enum": methods},
            "class": {"anyOf": [chosen, _list(chosen)], "description": "Of all instances, or of each"},
            "top": {"type": "integer", "minimum": 1, "maximum": MAX_TOP},
        },
        "required": ["instances"],
    }


def _bodies(signature: Signature) -> list[Schema]:
    inputs = signature.inputs
    columns = object_of({name: _tensor(spec, spec.shape) for name, spec in inputs.items()})
    bodies = [_body(signature, "inputs", columns)]
    if len(inputs) == 1:
        (only,) = inputs.values()
        bodies.append(_body(signature, "inputs", _tensor(only, only.shape)))
    if any(spec.shape == () for spec in inputs.values()):  # a row would add a dimension
        return bodies
    rows = {name: _tensor(spec, _row_shape(spec)) for name, spec in inputs.items()}
    sizes = [spec.shape[0] for spec in inputs.values() if spec.shape]
    size = next((size for size in sizes if size > 0), -1)
    kinds = [*rows.values(), object_of(rows)] if len(rows) == 1 else [object_of(rows)]  # all rows have the same form
    return [_body(signature, "instances", any_of(_list(row, size) for row in kinds)), *bodies]


def _body(signature: Signature, key: str, value: Schema) -> Schema:
    default = signature.name == DEFAULT_SIGNATURE
    name: Schema = {"enum": [DEFAULT_SIGNATURE, ""]} if default else {"const": signature.name}
    return {
        "type": "object",
        "title": f"{signature.name}, {'by rows' if key == 'instances' else 'by columns'}",
        "properties": {"signature_name": name, key: value},
        "required": [key] if default else ["signature_name", key],
        "additionalProperties": False,
    }


def _answers(signature: Signature) -> list[Schema]:
    outputs = signature.outputs
    columns = {name: _value(spec, spec.shape) for name, spec in outputs.items()}
    rows = {name: _value(spec, _row_shape(spec)) for name, spec in outputs.items()}
    column = next(iter(columns.values())) if len(columns) == 1 else object_of(columns)
    row = next(iter(rows.values())) if len(rows) == 1 else object_of(rows)
    return [object_of({"predictions": {"type": "array", "items": row}}), object_of({"outputs": column})]


def _row_shape(spec: TensorSpec) -> tuple[int, ...] | None:
    return None if spec.shape is None else spec.shape[1:]


def _tensor(spec: TensorSpec, shape: tuple[int, ...] | None) -> Schema:
    """Returns the schema of an input: nested lists of the declared sizes.

    The server accepts other sizes too if the model's operations do.
    """
    described = {"description": describe(spec)}
    if shape is None:
        return described
    schema = _element(spec)
    for size in reversed(shape):
        schema = _list(schema, size)
    return {**schema, **described}


def _value(spec: TensorSpec, shape: tuple[int, ...] | None) -> Schema:
    """Returns the schema of an output: nested lists of the declared rank and of any size."""
    schema: Schema = {} if shape is None else _written(spec)
    for _ in shape or ():
        schema = {"type": "array", "items": schema}
    return {**schema, "description": describe(spec)}


def _list(items: Schema, size: int = -1) -> Schema:
    """Returns the schema of a list of exactly `size` items, or of at least one item if `size` is negative."""
    sizes = {"minItems": size, "maxItems": size} if size >= 0 else {"minItems": 1}
    return {"type": "array", "items": items, **sizes}


def describe(spec: TensorSpec) -> str:
    shape = "of any rank" if spec.shape is None else f"of shape {declared_shape(spec.shape)}"
    return f"{spec.name}: {spec.dtype.label} {shape}"


def _element(spec: TensorSpec) -> Schema:
    if spec.dtype is DataType.DT_STRING:
        return ref("TextOrBytes")
    if spec.dtype in _FLOATS:
        return {"type": "number", "minimum": -_FLOATS[spec.dtype], "maximum": _FLOATS[spec.dtype]}
    return _written(spec)


def _written(spec: TensorSpec) -> Schema:
    if spec.dtype is DataType.DT_STRING:
        return ref("Base64") if spec.name.endswith("_bytes") else {"type": "string"}
    if spec.dtype is DataType.DT_BOOL:
        return {"type": "boolean"}
    if spec.dtype in _FLOATS:
        return {"type": "number"}
    if spec.dtype in _INTEGERS:
        limits = np.iinfo(spec.dtype.numpy)
        return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
    return {}
