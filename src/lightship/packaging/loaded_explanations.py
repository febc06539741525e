"""The explanations of a SavedModel that Lightship exported from a Keras model before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from numpy.typing import NDArray

from lightship.bundle.explain_spec import CLASS_INDEX, ExplainSpec
from lightship.packaging.explain_graph import encoded_signatures
from lightship.packaging.explain_signatures import Outputs, SignatureFunction

if TYPE_CHECKING:
    from tensorflow import Tensor

    from lightship.packaging.signatures import ImageSignatures


class LoadedExplanations:
    """The signatures of the methods, which the SavedModel has already."""

    def __init__(self, loaded: Any, spec: ExplainSpec, input_name: str) -> None:
        self._loaded, self.spec, self._input = loaded, spec, input_name

    def functions(self, image: ImageSignatures | None) -> Iterator[SignatureFunction]:
        """Yields the signatures for encoded images, because the labels or the image spec may be others now."""
        if image is not None:
            yield from encoded_signatures(image, self._default)

    def run(self, method: str, images: NDArray[Any], classes: NDArray[Any]) -> dict[str, NDArray[Any]]:
        outputs = self._explain(method, tf.constant(images), tf.constant(classes, tf.int32))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def bias(self) -> None:
        return None

    def _default(self, images: Tensor, class_index: Tensor) -> Outputs:
        return self._explain(self.spec.default, images, class_index)

    def _explain(self, method: str, images: Tensor, class_index: Tensor) -> Outputs:
        function = self._loaded.signatures[self.spec.methods[method]]
        outputs: Outputs = function(**{self._input: images, CLASS_INDEX: class_index})
        return outputs
