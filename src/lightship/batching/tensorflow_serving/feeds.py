"""Which tensors of the graph a signature feeds and fetches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from lightship.batching.base import Done
from lightship.batching.tensorflow_serving.tasks import Ended, Tensors
from lightship.saved_model.signatures import Signature, TensorSpec


class Feeds:
    """Converts between the names that a signature gives its inputs and outputs, and those of the graph's tensors.

    `fed` is the set of the tensors that it feeds.
    """

    __slots__ = ("_inputs", "_outputs", "fed", "signature")

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._inputs = _tensor_names(signature.inputs)
        self._outputs = {name: spec.tensor or name for name, spec in signature.outputs.items()}
        self.fed = frozenset(self._inputs.values())

    def fetched(self, outputs: Iterable[str]) -> frozenset[str]:
        """Returns the set of the tensors that these outputs fetch."""
        return frozenset(self._outputs[name] for name in outputs)

    def by_tensor(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Returns inputs by tensor."""
        return {tensor: inputs[name] for name, tensor in self._inputs.items()}

    def by_name(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Returns inputs by the names of the signature."""
        return {name: inputs[tensor] for name, tensor in self._inputs.items()}

    def outputs_by_tensor(self, outputs: Tensors) -> dict[str, NDArray[Any]]:
        """Returns outputs by tensor."""
        return {self._outputs[name]: array for name, array in outputs.items()}

    def naming(self, wanted: Sequence[str], done: Done) -> Done:
        """Returns a function that takes outputs by tensor, or an error, and gives `done` those that are wanted."""

        def finish(ended: Ended) -> None:
            if isinstance(ended, BaseException):
                done(ended)
            else:
                done({name: ended[self._outputs[name]] for name in wanted})

        return finish


def _tensor_names(inputs: Mapping[str, TensorSpec]) -> dict[str, str]:
    """Returns the tensor of each input. Where two inputs feed one tensor, their names are added to it."""
    tensors = {name: spec.tensor or name for name, spec in inputs.items()}
    if len(set(tensors.values())) == len(tensors):
        return tensors
    return {name: f"{tensor} ({name})" for name, tensor in tensors.items()}
