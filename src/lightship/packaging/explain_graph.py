"""The signatures that explain a model's answers, as graphs of TensorFlow.

Class activation maps: Zhou et al., Learning Deep Features for Discriminative Localization, arXiv 1512.04150.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from numpy.typing import NDArray

from lightship.bundle.explain_spec import (
    CAM,
    CLASS_INDEX,
    EXPLAIN_CLASS_SIGNATURE,
    EXPLAIN_SIGNATURE,
    METHOD_SIGNATURES,
    PREDICTED,
    ExplainSpec,
)
from lightship.bundle.image_signatures import IMAGE_BYTES_SIGNATURE
from lightship.packaging.explain_head import Head
from lightship.packaging.explain_signatures import CannotExplain, Outputs, SignatureFunction
from lightship.packaging.traced_model import TracedModel

if TYPE_CHECKING:
    from tensorflow import Tensor

    from lightship.packaging.signatures import ImageSignatures

# Takes the model's input and class indices, int32 [N]; returns map [N, h, w], class_index, score and logit [N].
Explain = Callable[[Any, Any], Outputs]

_INDICES = tf.TensorSpec([None], tf.int32, CLASS_INDEX)


class ExplainSignatures:
    """The signatures of a model whose answers can be explained."""

    def __init__(self, traced: TracedModel, head: Head, spec: tf.TensorSpec) -> None:
        """spec: that of the model's only input. Raises CannotExplain if no method applies."""
        self._traced, self._head, self._input = traced, head, spec
        self._features = tf.function(self._part_before, [self._input], autograph=False)
        self._methods = {name: self._function(method) for name, method in self._applying().items()}
        if not self._methods:
            raise CannotExplain("no method applies")

    @property
    def spec(self) -> ExplainSpec:
        names = {name: METHOD_SIGNATURES[name] for name in self._methods}
        return ExplainSpec(self._head.layer, next(iter(names)), names)

    def functions(self, image: ImageSignatures | None) -> Iterator[SignatureFunction]:
        """Yields the signature of each method, and those for encoded images if the model has image signatures."""
        for method, name in self.spec.methods.items():
            yield name, self._methods[method], [self._input, _INDICES]
        if image is not None:
            yield from encoded_signatures(image, self._methods[self.spec.default])

    def run(self, method: str, images: NDArray[Any], classes: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Explains images with the trained model itself. Shapes are those of a method's signature."""
        outputs = self._methods[method](tf.constant(images, self._input.dtype), tf.constant(classes, tf.int32))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def bias(self) -> NDArray[Any] | None:
        """Returns the bias [K] of the dense layer; None if the model has no exact class activation map, or no bias."""
        bias = self._head.bias
        if bias is None:
            return None
        values: NDArray[Any] = tf.function(lambda: self._traced.part([], [bias])[0], autograph=False)().numpy()
        return values

    def _applying(self) -> Mapping[str, Callable[[Tensor, Tensor, Tensor], Outputs]]:
        return {CAM: self._cam} if self._head.weights is not None else {}

    def _function(self, method: Callable[[Tensor, Tensor, Tensor], Outputs]) -> Any:
        def explain(images: Tensor, class_index: Tensor) -> Outputs:
            return method(images, self._features(images), class_index)

        return tf.function(explain, [self._input, _INDICES], autograph=False)

    def _part_before(self, images: Tensor) -> Tensor:
        return self._traced.part([(self._traced.input, images)], [self._head.features])[0]

    def _part_behind(self, images: Tensor, features: Tensor, fetches: Sequence[Tensor]) -> list[Tensor]:
        return self._traced.part([(self._head.features, features), (self._traced.input, images)], fetches)

    def _cam(self, images: Tensor, features: Tensor, class_index: Tensor) -> Outputs:
        head = self._head
        logits, scores, weights = self._part_behind(images, features, [head.logits, head.scores, head.weights])
        weights = tf.reshape(weights, [-1, weights.shape[-1]])  # of a convolution, too
        index, chosen = _chosen(scores, class_index)
        of_class = tf.matmul(tf.cast(chosen, weights.dtype), weights, transpose_b=True)
        maps = tf.reduce_sum(features * of_class[:, tf.newaxis, tf.newaxis, :], axis=-1)
        return _outputs(maps, index, chosen, scores, logits)


def encoded_signatures(image: ImageSignatures, explain: Explain) -> Iterator[SignatureFunction]:
    """Yields the two signatures that take encoded images, from a function that takes what the model takes."""

    def labelled(encoded: Tensor, class_index: Tensor) -> Outputs:
        outputs = explain(image.images(encoded), class_index)
        label = tf.gather(tf.constant(image.labels), outputs[CLASS_INDEX])
        return {name: outputs[name] for name in ("map", CLASS_INDEX, "score")} | {"label": label}

    # Both signatures use one function, so that its graph is traced and stored only once.
    encoded_spec = tf.TensorSpec([None], tf.string, IMAGE_BYTES_SIGNATURE)
    shared = tf.function(labelled, [encoded_spec, _INDICES], autograph=False)

    def predicted(encoded: Tensor) -> Outputs:
        outputs: Outputs = shared(encoded, tf.fill(tf.shape(encoded), PREDICTED))
        return outputs

    yield EXPLAIN_SIGNATURE, predicted, [encoded_spec]
    yield EXPLAIN_CLASS_SIGNATURE, partial(_of_class, shared, len(image.labels)), [encoded_spec, _INDICES]


def _of_class(explain: Explain, classes: int, encoded: Tensor, class_index: Tensor) -> Outputs:
    text = f"class_index must be from 0 to {classes - 1}"
    low = tf.debugging.assert_non_negative(class_index, text)
    with tf.control_dependencies([low, tf.debugging.assert_less(class_index, classes, text)]):
        return explain(encoded, tf.identity(class_index))


def _chosen(scores: Tensor, class_index: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the index of each row's class, int32 [N], and a row with a 1 at its place, float32 [N, K].

    The look-up fails for an index that is no class, on TensorFlow and, by its guard, on OpenVINO.
    """
    best = tf.argmax(tf.cast(scores, tf.float32), axis=-1, output_type=tf.int32)
    wanted = tf.where(tf.equal(class_index, PREDICTED), best, class_index)
    index = tf.gather(tf.range(scores.shape[-1]), wanted)
    return index, tf.one_hot(index, scores.shape[-1])


def _outputs(maps: Tensor, index: Tensor, chosen: Tensor, scores: Tensor, logits: Tensor) -> Outputs:
    score, logit = (tf.reduce_sum(tf.cast(one, tf.float32) * chosen, axis=-1) for one in (scores, logits))
    return {"map": tf.cast(maps, tf.float32), CLASS_INDEX: index, "score": score, "logit": logit}
