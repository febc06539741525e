"""The signatures that explain a model's answers, as graphs of TensorFlow.

Class activation maps: arXiv 1512.04150. Grad-CAM: arXiv 1610.02391. HiResCAM: arXiv 2011.08891. Grad-CAM++: arXiv
1710.11063. The maps are raw: the last step of Grad-CAM and Grad-CAM++, which sets negative numbers to 0, is left to
whoever shows them, because it cannot be undone.
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
    GRAD_CAM,
    GRAD_CAM_PLUS_PLUS,
    HIRESCAM,
    METHOD_SIGNATURES,
    PREDICTED,
    ExplainSpec,
)
from lightship.bundle.image_signatures import IMAGE_BYTES_SIGNATURE
from lightship.packaging.explain_head import Head
from lightship.packaging.explain_signatures import CannotExplain, Outputs, SignatureFunction
from lightship.packaging.gradient_graph import gradient
from lightship.packaging.quiet import quiet
from lightship.packaging.traced_model import TracedModel, as_while_saving

if TYPE_CHECKING:
    from tensorflow import Tensor

    from lightship.packaging.signatures import ImageSignatures

# Takes the model's input and class indices, int32 [N]; returns map [N, h, w], class_index, score and logit [N].
Explain = Callable[[Any, Any], Outputs]

# Takes the model's input, the features and class indices, and returns the same.
Method = Callable[[Any, Any, Any], Outputs]

_INDICES = tf.TensorSpec([None], tf.int32, CLASS_INDEX)


class NoGradient(Exception):
    """The logits do not depend on the features in a way that has a gradient."""


class ExplainSignatures:
    """The signatures of a model whose answers can be explained."""

    def __init__(self, traced: TracedModel, head: Head, spec: tf.TensorSpec) -> None:
        """spec: that of the model's only input. Raises CannotExplain if no method applies."""
        self._traced, self._head, self._input = traced, head, spec
        self._features = tf.function(self._part_before, [self._input], autograph=False)
        self._gradient = self._traced_gradient()
        self._methods = {name: self._function(method) for name, method in self._applying().items()}
        if not self._methods:
            raise CannotExplain(f"its scores have no gradient by the output of layer {head.layer!r}")

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
        with as_while_saving():
            outputs = self._methods[method](tf.constant(images, self._input.dtype), tf.constant(classes, tf.int32))
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    def bias(self) -> NDArray[Any] | None:
        """Returns the bias [K] of the dense layer; None if the model has no exact class activation map, or no bias."""
        bias = self._head.bias
        if bias is None:
            return None
        values: NDArray[Any] = tf.function(lambda: self._traced.part([], [bias])[0], autograph=False)().numpy()
        return values

    def _applying(self) -> Mapping[str, Method]:
        exact = {CAM: self._cam} if self._head.weights is not None else {}
        return {**exact, **({} if self._gradient is None else self._by_gradient(self._gradient))}

    def _by_gradient(self, slopes_of: Any) -> Mapping[str, Method]:
        def method(combine: Callable[[Tensor, Tensor], Tensor]) -> Method:
            def explain(images: Tensor, features: Tensor, class_index: Tensor) -> Outputs:
                outputs = dict(slopes_of(images, features, class_index))
                slopes = tf.cast(outputs.pop("gradient"), tf.float32)
                return {"map": combine(tf.cast(features, tf.float32), slopes), **outputs}

            return explain

        return {GRAD_CAM: method(grad_cam), HIRESCAM: method(hirescam), GRAD_CAM_PLUS_PLUS: method(grad_cam_plus_plus)}

    def _traced_gradient(self) -> Any:
        """Returns a function for the gradient of a class's logit by the features; None if there is no such gradient."""
        features = tf.TensorSpec(self._head.features.shape, self._head.features.dtype)
        function = tf.function(self._slopes, [self._input, features, _INDICES], autograph=False)
        try:
            with quiet(), as_while_saving():
                function.get_concrete_function()
        except (LookupError, NoGradient):
            return None
        return function

    def _slopes(self, images: Tensor, features: Tensor, class_index: Tensor) -> Outputs:
        logits, scores = self._part_behind(images, features, [self._head.logits, self._head.scores])
        index, chosen = _chosen(scores, class_index)
        slopes = gradient(logits, features, tf.cast(chosen, logits.dtype))
        if slopes is None:
            raise NoGradient
        slopes.set_shape(features.shape)
        return {"gradient": slopes, **_outputs(index, chosen, scores, logits)}

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
        maps = tf.reduce_sum(tf.cast(features, weights.dtype) * of_class[:, tf.newaxis, tf.newaxis, :], axis=-1)
        return {"map": tf.cast(maps, tf.float32), **_outputs(index, chosen, scores, logits)}


def grad_cam(features: Tensor, slopes: Tensor) -> Tensor:
    """Weights each channel by the mean of its gradient. Takes [N, h, w, C] twice and returns [N, h, w]."""
    return tf.reduce_sum(features * tf.reduce_mean(slopes, axis=[1, 2], keepdims=True), axis=-1)


def hirescam(features: Tensor, slopes: Tensor) -> Tensor:
    """Weights each number by its own gradient. Takes [N, h, w, C] twice and returns [N, h, w]."""
    return tf.reduce_sum(features * slopes, axis=-1)


def grad_cam_plus_plus(features: Tensor, slopes: Tensor) -> Tensor:
    """Weights each channel by its positive gradients, and these by how much they matter for a class's exponential.

    With g for a gradient and S for the sum of its channel, equation 19 of the paper is g^2 / (2 g^2 + S g^3), which is
    1 / (2 + S g). Takes [N, h, w, C] twice and returns [N, h, w].
    """
    sums = tf.reduce_sum(features, axis=[1, 2], keepdims=True)
    weights = tf.math.divide_no_nan(tf.nn.relu(slopes), 2.0 + sums * slopes)
    return tf.reduce_sum(features * tf.reduce_sum(weights, axis=[1, 2], keepdims=True), axis=-1)


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


def _outputs(index: Tensor, chosen: Tensor, scores: Tensor, logits: Tensor) -> Outputs:
    score, logit = (tf.reduce_sum(tf.cast(one, tf.float32) * chosen, axis=-1) for one in (scores, logits))
    return {CLASS_INDEX: index, "score": score, "logit": logit}
