"""The signatures `image_bytes` and `classify`, which take encoded images and return labels and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from lightship.bundle.image_signatures import CLASSIFY_SIGNATURE, ENCODED_IMAGE_FEATURE, IMAGE_BYTES_SIGNATURE
from lightship.images.spec import ImageSpec
from lightship.packaging.image_graph import preprocess_in_graph
from lightship.packaging.quiet import quiet
from lightship.saved_model.signatures import CLASSIFY_METHOD

if TYPE_CHECKING:
    from tensorflow import Tensor


@dataclass(frozen=True, slots=True)
class ImageSignatures:
    """The two signatures. They return all labels of each image, the best first, equal scores in the order of labels.

    `image_bytes` takes encoded images, string [N]. `classify` takes serialized `tf.Example`s, string [N], with the
    encoded image in the feature `image/encoded`.
    """

    labels: tuple[str, ...]
    image: ImageSpec
    # The dtype of the model's input.
    dtype: str
    # Answers and explanations use one function, so that its graph is traced and stored only once.
    _prepare: Any = field(init=False, repr=False, compare=False)

    names = (IMAGE_BYTES_SIGNATURE, CLASSIFY_SIGNATURE)

    def __post_init__(self) -> None:
        prepare = tf.function(self._images, [tf.TensorSpec([None], tf.string)], autograph=False)
        object.__setattr__(self, "_prepare", prepare)

    @property
    def method_names(self) -> Mapping[str, str]:
        return {CLASSIFY_SIGNATURE: CLASSIFY_METHOD}

    def functions(
        self, scores_of: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[str, Callable[..., dict[str, Tensor]], Sequence[tf.TensorSpec]]]:
        """Yields the name, the function and the specs of the inputs of each signature.

        scores_of: takes images [N, H, W, C] and returns scores [N, K].
        """

        # Both signatures use one function, so that its graph is traced and stored only once.
        ranked = tf.function(
            lambda encoded: self._rank(scores_of(self.images(encoded))),
            [tf.TensorSpec([None], tf.string)],
            autograph=False,
        )

        def image_bytes(encoded: Tensor) -> dict[str, Tensor]:
            labels, scores = ranked(encoded)
            return {"labels": labels, "scores": scores}

        def classify(examples: Tensor) -> dict[str, Tensor]:
            feature = {ENCODED_IMAGE_FEATURE: tf.io.FixedLenFeature([], tf.string)}
            labels, scores = ranked(tf.io.parse_example(examples, feature)[ENCODED_IMAGE_FEATURE])
            return {"classes": labels, "scores": scores}

        yield IMAGE_BYTES_SIGNATURE, image_bytes, [tf.TensorSpec([None], tf.string, IMAGE_BYTES_SIGNATURE)]
        yield CLASSIFY_SIGNATURE, classify, [tf.TensorSpec([None], tf.string, "inputs")]

    def images(self, encoded: Tensor) -> Tensor:
        """Returns the model's input [N, H, W, C] for encoded images, string [N]."""
        prepared: Tensor = self._prepare(encoded)
        return prepared

    def _images(self, encoded: Tensor) -> Tensor:
        shape = tf.TensorSpec((*self.image.size, self.image.channels), tf.float32)
        images = tf.map_fn(lambda one: preprocess_in_graph(one, self.image), encoded, fn_output_signature=shape)
        return tf.cast(images, self.dtype)

    def _rank(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        best, indices = tf.math.top_k(tf.cast(scores, tf.float32), k=len(self.labels))
        return tf.gather(tf.constant(self.labels), indices), best


def set_method_names(folder: Path, names: Mapping[str, str]) -> None:
    """Sets the method names of signatures, because TensorFlow 2 saves every signature as predict."""
    module: Any = tf.compat.v1.saved_model.signature_def_utils
    with quiet():
        updater = module.MethodNameUpdater(str(folder))
        for signature, method in names.items():
            updater.replace_method_name(signature_key=signature, method_name=method, tags=["serve"])
        updater.save()
