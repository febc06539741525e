"""Graphs of one operation, by families that take alike operands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from conformance.graph import TYPES, Graph, Shape

SHAPES: tuple[Shape, ...] = ([None, 4], [1, 4], [2, 3], [None], [None, 2, 2], [None, 2, 3, 2], [None, 1, 2, 1, 2], [])
FEW: tuple[Shape, ...] = ([None, 4], [1, 4], [None], [None, 2, 3])
Attributes = Mapping[str, Sequence[Any]]


def raw(op: str, operands: int, attributes: Mapping[str, Any], constants: Mapping[int, Any] | None = None) -> Any:
    """A function of TensorFlow's module and tensors that makes exactly this operation."""

    def build(tf: Any, *tensors: Any) -> Any:
        function, given = getattr(tf.raw_ops, op), dict(constants or {})
        names = [name for name in inspect.signature(function).parameters if name != "name"]
        remaining = list(tensors)
        values = [given[index] if index in given else remaining.pop(0) for index in range(operands)]
        known = {name: _value(tf, value) for name, value in attributes.items()}
        made = function(**dict(zip(names, values, strict=False)), **known)
        if isinstance(made, list) or hasattr(made, "_fields"):
            return {f"y{index}": tensor for index, tensor in enumerate(made)}
        return made

    return build


def _value(tf: Any, value: Any) -> Any:
    return tf.dtypes.as_dtype(TYPES[value]) if isinstance(value, str) and value in TYPES else value


def choices(attributes: Attributes) -> Iterator[dict[str, Any]]:
    """All combinations where they are few; else each value with the first ones of the others."""
    names = list(attributes)
    every = list(product(*attributes.values()))
    if len(every) > 12:
        first = [values[0] for values in attributes.values()]
        every = [tuple(first)] + [
            (*first[:index], value, *first[index + 1 :])
            for index, values in enumerate(attributes.values())
            for value in values[1:]
        ]
    for chosen in every:
        yield dict(zip(names, chosen, strict=True))


def unary(
    ops: str,
    types: str = "float",
    attributes: Attributes | None = None,
    shapes: Sequence[Shape] = SHAPES,
    key: str = "T",
) -> Iterator[Graph]:
    """Operations of one tensor."""
    for op, kind, chosen, shape in product(ops.split(), types.split(), choices(attributes or {}), shapes):
        yield Graph(op, {key: kind} if key else {}, chosen, [("x", TYPES[kind], shape)], raw(op, 1, chosen))


def binary(ops: str, types: str = "float", *, positive: bool = False) -> Iterator[Graph]:
    """Operations of two tensors: of one shape, one repeated over the other, and a constant on either side."""
    for op, kind in product(ops.split(), types.split()):
        dtype, key = TYPES[kind], {"T": kind} if kind != "bool" else {}
        pairs: list[tuple[Shape, Shape]] = [
            ([None, 4], [None, 4]),
            ([2, 3], [3]),
            ([None, 2, 3], [1, 3]),
            ([1, 4], [1, 4]),
            ([], [None]),
            ([None], []),
        ]
        for a, b in pairs:
            inputs = [("a", dtype, a), ("b", dtype, b)]
            yield Graph(op, key, {}, inputs, raw(op, 2, {}), positive=positive)
        for constant, shape in product(_constants(kind), ([None, 4], [1, 4], [None])):
            inputs = [("x", dtype, shape)]
            yield Graph(op, key, {}, inputs, _with_constant(op, kind, constant, 1), positive=positive)
            yield Graph(op, key, {}, inputs, _with_constant(op, kind, constant, 0), positive=positive)


def _constants(kind: str) -> tuple[Any, ...]:
    if kind == "bool":
        return (True, False)
    return (2.0, -0.5, 0.0) if kind == "float" else (3, -2, 0, 1000)


def _with_constant(op: str, kind: str, constant: Any, place: int) -> Any:
    def build(tf: Any, x: Any) -> Any:
        return raw(op, 2, {}, {place: tf.constant(constant, TYPES[kind])})(tf, x)

    return build


def reduced(ops: str, types: str = "float") -> Iterator[Graph]:
    """Operations over some axes, which are constant."""
    axes: list[tuple[Shape, Any]] = [
        ([None, 4], 1),
        ([None, 4], 0),
        ([None, 4], [0, 1]),
        ([None, 4], -1),
        ([None], 0),
        ([1, 4], [1]),
        ([None, 2, 3], [1, 2]),
        ([None, 2, 3, 2], [1, 2]),
        ([None, 4], []),
    ]
    for op, kind, (shape, axis), keep in product(ops.split(), types.split(), axes, (False, True)):
        key = {"T": kind, "Tidx": "int32"} if kind != "bool" else {"Tidx": "int32"}
        chosen = {"keep_dims": keep}

        def build(tf: Any, x: Any, op: str = op, axis: Any = axis, chosen: Any = chosen) -> Any:
            return raw(op, 2, chosen, {1: tf.constant(axis, tf.int32)})(tf, x)

        yield Graph(op, key, chosen, [("x", TYPES[kind], shape)], build)


def with_constants(
    op: str,
    types: Mapping[str, str],
    attributes: Mapping[str, Any],
    inputs: Sequence[tuple[str, Shape]],
    constants: Mapping[int, Any],
    **more: Any,
) -> Graph:
    """An operation some of whose operands, by their place, are constants."""

    def build(tf: Any, *tensors: Any) -> Any:
        known = {
            place: tf.constant(value) if not callable(value) else value(tf, *tensors)
            for place, value in constants.items()
        }
        return raw(op, len(inputs) + len(constants), attributes, known)(tf, *tensors)

    named = [(f"x{index}", TYPES[kind], shape) for index, (kind, shape) in enumerate(inputs)]
    return Graph(op, types, attributes, named, build, **more)
