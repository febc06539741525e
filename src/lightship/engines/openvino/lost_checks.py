"""Detects where OpenVINO has dropped a check of TensorFlow's or counts an axis from the wrong end.

TensorFlow refuses to add a bias of four values to one channel; OpenVINO repeats the channel and answers. The graph that
OpenVINO has read does not show which sums and products were such operations. So if TensorFlow's graph has such an
operation, the shapes of every sum and product must show that nothing is repeated.

OpenVINO reads a graph for the declared ranks. The last axis of a matrix becomes axis 1, and stays axis 1 for a tensor
of rank 3. So other ranks are accepted only if all operations work element by element.
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
_PRODUCT = frozenset({"MatMul"})  # the name in both TensorFlow and OpenVINO


def unknown_channels(model: Any, folder: Path, signature: Signature) -> str | None:
    """Returns why the model must not run if its number of channels is known only at run time; None if it may run."""
    for node in _nodes(model):
        if node.get_type_name() in _ARITHMETIC and any(_may_repeat(node, operand) for operand in range(2)):
            return _reason(node) if _has(folder, signature, _CHANNELWISE) else None
    return None


def other_shapes(model: Any, exact: Any, folder: Path, signature: Signature) -> str | None:
    """Returns why a model must not run for other shapes than the declared ones, or None if it may run.

    A reason is that numbers of channels no longer agree, or that a tensor has another rank. `exact` is the model for
    the other shapes.
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
        # OpenVINO prepends dimensions of 1 to a constant's shape, so that its rank equals the other operand's rank.
        return len(node.get_output_partial_shape(0)) <= 1
    return node.get_type_name() in ELEMENTWISE


def _has(folder: Path, signature: Signature, kinds: frozenset[str]) -> bool:
    operations = operations_of(read_graph(folder, signature.tags), signature)
    return any(operation.op in kinds for operation in operations)


def _nodes(model: Any) -> Iterator[Any]:
    """Yields the sums and products, including those inside loops."""
    for node in model.get_ordered_ops():
        if node.get_type_name() in _ARITHMETIC | _PRODUCT:
            yield node
        elif is_loop(node):
            yield from _nodes(node.get_function())


def _may_repeat(node: Any, operand: int) -> bool:
    """Returns whether the operand has one value per channel and the other may have another number of channels."""
    bias, other = (node.get_input_partial_shape(index) for index in (operand, 1 - operand))
    if bias.rank.is_dynamic or other.rank.is_dynamic:
        return True
    if max(len(bias), len(other)) < 2:  # a tensor with a bias has at least a dimension for rows and one for channels
        return False
    if not len(bias) or any(dim.is_dynamic or dim.get_length() != 1 for dim in list(bias)[:-1]):
        return False
    if bias[-1].is_static and bias[-1].get_length() == 1:
        return False
    return len(other) < 1 or bias[-1].is_dynamic or other[-1].is_dynamic


def _shapes(node: Any) -> list[tuple[int, ...] | None]:
    """Returns the shapes of both operands. -1 is an unknown size and None an unknown rank."""
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
