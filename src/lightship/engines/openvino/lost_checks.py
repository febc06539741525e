"""Checks of TensorFlow's that OpenVINO drops when it reads a graph, and axes that it counts from the wrong end.

TensorFlow refuses to add a bias of four values to one channel; OpenVINO repeats the channel and answers. Once OpenVINO
has read the graph, its sums and products do not tell which operations they were. So where the graph has such an
operation, the shapes of every sum and product must show that nothing is repeated.

A graph is read for the declared ranks: the last axis of a matrix becomes axis 1, and stays so if a tensor of rank 3
comes. So other ranks run only where all operations work element by element.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lightship.engines.openvino.known import ELEMENTWISE
from lightship.engines.openvino.loops import is_loop
from lightship.saved_model.reader import read_graph
from lightship.saved_model.signature_graph import operations_of
from lightship.saved_model.signatures import Signature

_CHANNELWISE = frozenset({"BiasAdd", "FusedBatchNormV3"})
_ARITHMETIC = frozenset({"Add", "Subtract", "Multiply", "Divide"})
_PRODUCT = frozenset({"MatMul"})  # of TensorFlow and of OpenVINO


def unknown_channels(model: Any, folder: Path, signature: Signature) -> str | None:
    """Why a model, as it was read, must not run: only a call tells the number of channels. None if it is known."""
    for node in _nodes(model):
        if node.get_type_name() in _ARITHMETIC and any(_may_repeat(node, operand) for operand in range(2)):
            return _reason(node) if _has(folder, signature, _CHANNELWISE) else None
    return None


def other_shapes(model: Any, exact: Any, folder: Path, signature: Signature) -> str | None:
    """Why a model must not run for other shapes than the declared ones: channels that agreed do not any more, or a
    tensor has another rank; None if nothing speaks against it.

    exact: the model for these shapes.
    """
    ranks = [[port.get_partial_shape().rank for port in one.inputs] for one in (model, exact)]
    if any(before != now for before, now in zip(*ranks, strict=True)):
        for node in exact.get_ordered_ops():
            if not _takes_any_rank(node):
                return f"a tensor of another rank than the declared one comes into {node.get_friendly_name()}"
    suspects: dict[frozenset[str], Any] = {}
    nodes, others = list(_nodes(model)), list(_nodes(exact))
    if [node.get_type_name() for node in nodes] != [node.get_type_name() for node in others]:
        return "OpenVINO makes another graph of these shapes"
    for node, other in zip(nodes, others, strict=True):
        before, now = _shapes(node), _shapes(other)
        if node.get_type_name() in _PRODUCT:
            if _ranks(now) != [2, 2] and _ranks(before) != _ranks(now):
                suspects.setdefault(_PRODUCT, other)
        elif _ranks(before) != _ranks(now) or (_agree(before) and not _agree(now)):
            suspects.setdefault(_CHANNELWISE, other)
    return next((_reason(node) for kinds, node in suspects.items() if _has(folder, signature, kinds)), None)


def _takes_any_rank(node: Any) -> bool:
    if node.get_type_name() == "Constant":
        # OpenVINO puts dimensions of 1 before those of a constant, to make its rank that of the other operand.
        return len(node.get_output_partial_shape(0)) <= 1
    return node.get_type_name() in ELEMENTWISE


def _has(folder: Path, signature: Signature, kinds: frozenset[str]) -> bool:
    operations = operations_of(read_graph(folder, signature.tags), signature)
    return any(operation.op in kinds for operation in operations)


def _nodes(model: Any) -> Iterator[Any]:
    """Sums and products, those of the bodies of loops too."""
    for node in model.get_ordered_ops():
        if node.get_type_name() in _ARITHMETIC | _PRODUCT:
            yield node
        elif is_loop(node):
            yield from _nodes(node.get_function())


def _may_repeat(node: Any, operand: int) -> bool:
    """Whether the operand has one value a channel, and the other one may have another number of channels."""
    bias, other = (node.get_input_partial_shape(index) for index in (operand, 1 - operand))
    if bias.rank.is_dynamic or other.rank.is_dynamic:
        return True
    if max(len(bias), len(other)) < 2:  # what gets a bias has a dimension for rows and one for channels
        return False
    if not len(bias) or any(dim.is_dynamic or dim.get_length() != 1 for dim in list(bias)[:-1]):
        return False
    if bias[-1].is_static and bias[-1].get_length() == 1:
        return False
    return len(other) < 1 or bias[-1].is_dynamic or other[-1].is_dynamic


def _shapes(node: Any) -> list[tuple[int, ...] | None]:
    """Of both operands: -1 for a size and None for a rank that is not known."""
    partial = [node.get_input_partial_shape(index) for index in range(2)]
    return [None if shape.rank.is_dynamic else tuple(_size(dim) for dim in shape) for shape in partial]


def _size(dimension: Any) -> int:
    return int(dimension.get_length()) if dimension.is_static else -1


def _ranks(shapes: Sequence[tuple[int, ...] | None]) -> list[int | None]:
    return [None if shape is None else len(shape) for shape in shapes]


def _agree(shapes: Sequence[tuple[int, ...] | None]) -> bool:
    first, second = shapes
    return first is not None and second is not None and first[-1:] == second[-1:]


def _reason(node: Any) -> str:
    return f"sizes or ranks may not agree, which OpenVINO does not check ({node.get_friendly_name()})"
