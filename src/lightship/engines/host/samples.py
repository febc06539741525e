"""Inputs to try the first part with, to see what shapes it gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun
from lightship.engines.host.flat import Flat
from lightship.engines.host.kernels import Attributes
from lightship.engines.host.kernels.examples import example_with
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType
from lightship.tensors.tensor_proto import array_of

# Makes a serialized example with this many values in each feature of any length.
Example = Callable[[int], bytes]

_TEXTS = ("", "a", "a b c", "good words, and more of them")


def samples(signature: Signature, examples: Mapping[str, Example]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yields inputs with different numbers of rows and different texts.

    examples: what makes the serialized examples of the inputs that take such, of any number of values. Raises CannotRun
    for an input of unknown rank.
    """
    for rows, words, free in ((1, 0, 2), (1, 1, 3), (3, 2, 5), (2, 3, 4)):
        texts = {
            name: examples[name](free) if name in examples else _TEXTS[words].encode() for name in signature.inputs
        }
        yield {name: _sample(spec, rows, words, free, texts[name]) for name, spec in signature.inputs.items()}


def examples_of(flat: Flat, signature: Signature) -> dict[str, Example]:
    """Returns what makes serialized examples, for each input that is read as such."""
    names = {spec.tensor.partition(":")[0]: name for name, spec in signature.inputs.items()}
    found: dict[str, Example] = {}
    for node in flat.nodes.values():
        if node.op == "ParseExampleV2" and node.inputs[0].node in names:
            keys = [flat.nodes[one.node].definition.attr["value"].tensor for one in node.inputs[2:4]]
            sparse, dense = map(array_of, keys)
            attributes = Attributes(node.op, node.definition.attr)
            found[names[node.inputs[0].node]] = partial(example_with, attributes, sparse, dense)
    return found


def _sample(spec: TensorSpec, rows: int, words: int, free: int, text: bytes) -> NDArray[Any]:
    if spec.shape is None:
        raise CannotRun(f'the rank of input "{spec.name}" is not declared')
    shape = tuple((free if axis else rows) if size < 0 else size for axis, size in enumerate(spec.shape))
    if spec.taken is DataType.DT_STRING:
        array = np.empty(shape, object)
        array.fill(text)
        return array
    return np.full(shape, words % 2).astype(spec.taken.numpy)


def declared(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Returns a shape with free dimensions where some shapes differ. Raises CannotRun if their ranks differ."""
    if len({len(shape) for shape in shapes}) != 1:
        raise CannotRun("the rank of what is computed in front of the model depends on the input")
    return tuple(sizes[0] if len(set(sizes)) == 1 else -1 for sizes in zip(*shapes, strict=True))
