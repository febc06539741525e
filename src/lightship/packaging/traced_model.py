"""The graph of a Keras model, with the outputs of its layers by their names, and copies of its parts."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from lightship.packaging.quiet import quiet

if TYPE_CHECKING:
    from tensorflow import Tensor


_GRADIENT = "_gradient_op_type"  # the attribute of an operation with a gradient of its own
_COLOCATION = "_class"  # the attribute with the operations on whose device an operation is to run


@dataclass(frozen=True, slots=True)
class TracedModel:
    """The graph of a model with one input and one output, in inference. Nested models are part of the same graph."""

    # Keeps the graph and the variables that it reads.
    function: Any
    input: Tensor
    output: Tensor
    # The outputs of layers, also of layers in nested models and of these, in the order in which they are computed. A
    # layer that is used several times has its last output.
    layers: Mapping[str, Tensor]

    def part(self, feeds: Sequence[tuple[Tensor, Tensor]], fetches: Sequence[Tensor]) -> list[Tensor]:
        """Copies the operations between feeds and fetches into the current graph, and returns the copied fetches.

        feeds: pairs of a tensor of this graph and the tensor of the current graph that takes its place.
        """
        graph, current = self.function.graph, tf.compat.v1.get_default_graph()
        mapped = {tensor.name: new for tensor, new in feeds}
        outside = {inner.name: outer for outer, inner in graph.captures}
        operations = list(operations_between(mapped, fetches))
        used = {tensor.name for operation in operations for tensor in operation.inputs}
        for name in used & outside.keys():
            mapped[name] = current.capture(outside[name])
        names = [tensor.name for tensor in fetches if tensor.name not in mapped]
        copied = tf.graph_util.import_graph_def(
            _definition(graph, {operation.name for operation in operations if f"{operation.name}:0" not in outside}),
            input_map={name: tensor for name, tensor in mapped.items() if name in used},
            return_elements=names,
            name="",
        )
        found = mapped | dict(zip(names, copied, strict=True))
        return [found[tensor.name] for tensor in fetches]


def _definition(graph: Any, names: Container[str]) -> Any:
    """Returns the definition of a graph with these operations only.

    It has no gradients that are written in Python: such a gradient, which `silu` has, belongs to the original graph and
    could not be saved with a copy. Nor does it say which operations share a device, as some may be missing.
    """
    definition = graph.as_graph_def()
    kept = [node for node in definition.node if node.name in names]
    for node in kept:
        node.attr.pop(_GRADIENT, None)
        node.attr.pop(_COLOCATION, None)
    del definition.node[:]
    definition.node.extend(kept)
    return definition


def trace(model: Callable[[Tensor], Sequence[Any]], spec: tf.TensorSpec) -> TracedModel | None:
    """Traces a model that takes one tensor and returns a list; returns None if that does not hold one tensor."""
    calls: list[tuple[str, Any]] = []
    with quiet(), _recorded(calls):
        function: Any = tf.function(model, [spec], autograph=False).get_concrete_function()
    graph: Any = function.graph
    if len(function.outputs) != 1:
        return None
    returned: Any = function.outputs[0].op
    passes_on = returned.type == "Identity"  # a function ends with such operations
    output = returned.inputs[0] if passes_on else function.outputs[0]
    return TracedModel(function, graph.inputs[0], output, _named(calls, graph))


def as_while_saving() -> AbstractContextManager[None]:
    """Lets what is traced in the block be saved as it is.

    When a model is saved, TensorFlow uses no trace that was made outside of saving, but traces once more. The names
    that are used here are private: if they are missing, that is what happens.
    """
    try:
        from tensorflow.python.saved_model.save_context import in_save_context, save_context
    except ImportError:
        return nullcontext()
    return nullcontext() if in_save_context() else save_context(tf.saved_model.SaveOptions())


def _named(calls: Sequence[tuple[str, Any]], graph: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, outputs in calls:
        tensors = keras.tree.flatten(outputs)
        if len(tensors) == 1 and _computed_in(tensors[0], graph):
            found.pop(name, None)  # to have it in its new place
            found[name] = tensors[0]
    return found


def _computed_in(tensor: Any, graph: Any) -> bool:
    own = getattr(tensor, "graph", None) is graph
    return bool(own) and tensor.name != graph.inputs[0].name


@contextmanager
def _recorded(calls: list[tuple[str, Any]]) -> Iterator[None]:
    """Notes the name and the outputs of each layer that is called while the block runs, inner layers first."""
    original = keras.Operation.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = original(self, *args, **kwargs)
        calls.append((self.name, outputs))
        return outputs

    keras.Operation.__call__ = call
    try:
        yield
    finally:
        keras.Operation.__call__ = original


def operations_between(feeds: Container[str], fetches: Sequence[Tensor]) -> Iterator[Any]:
    """Yields each operation that the fetches need, without those behind the feeds, which are names of tensors."""
    waiting = [tensor.op for tensor in fetches if tensor.name not in feeds]
    seen = {operation.name for operation in waiting}
    while waiting:
        operation = waiting.pop()
        yield operation
        before = [tensor.op for tensor in operation.inputs if tensor.name not in feeds]
        for one in (*before, *operation.control_inputs):
            if one.name not in seen:
                seen.add(one.name)
                waiting.append(one)
