"""SavedModels that take serialized `tf.Example`s, rightly and wrongly; and such examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightship.protos import Example, SavedModel

if TYPE_CHECKING:
    import tensorflow as tf

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def example(**features: float | int | bytes) -> bytes:
    """A serialized `tf.Example` with one element in each feature."""
    message = Example()
    for name, value in features.items():
        feature = message.features.feature[name]
        kind = {float: feature.float_list, int: feature.int64_list, bytes: feature.bytes_list}[type(value)]
        kind.value.append(value)
    return bytes(message.SerializeToString())


def save_inference_model(folder: Path) -> None:
    """A version folder with a signature for every way in which classify and regress can be right or wrong.

    Examples have the float feature x; a label is the text of x, a score is 2 x.
    """
    import tensorflow as tf

    module = tf.Module()
    strings = tf.TensorSpec([None], tf.string, name="inputs")
    signatures = {name: tf.function(function, input_signature=[strings]) for name, function in _functions().items()} | {
        "two_inputs": tf.function(
            lambda inputs, other: {"scores": _scores(inputs), "outputs": _scores(other)},
            input_signature=[strings, tf.TensorSpec([None], tf.string, name="other")],
        ),
        "another_input": tf.function(
            lambda x: {"scores": _scores(x)}, input_signature=[tf.TensorSpec([None], tf.string, name="x")]
        ),
        "another_regress_input": tf.function(
            lambda x: {"outputs": _scores(x)}, input_signature=[tf.TensorSpec([None], tf.string, name="x")]
        ),
        "numbers": tf.function(
            lambda inputs: {"scores": inputs}, input_signature=[tf.TensorSpec([None, 1], tf.float32, name="inputs")]
        ),
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    set_method_names(folder, {"serving_default": CLASSIFY, "both": CLASSIFY, "flat": REGRESS, "scores": "other"})


def set_method_names(folder: Path, names: dict[str, str]) -> None:
    """TensorFlow 2 writes tensorflow/serving/predict, whatever a signature does."""
    file = folder / "saved_model.pb"
    model = SavedModel.FromString(file.read_bytes())
    for signature, name in names.items():
        model.meta_graphs[0].signature_def[signature].method_name = name
    file.write_bytes(model.SerializeToString(deterministic=True))


def _scores(inputs: tf.Tensor) -> tf.Tensor:
    import tensorflow as tf

    return 2.0 * tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]


def _functions() -> dict[str, Callable[[Any], dict[str, Any]]]:
    import tensorflow as tf

    def labels(inputs: tf.Tensor) -> tf.Tensor:
        return tf.strings.as_string(_scores(inputs) / 2.0, precision=1)

    def twice(rows: tf.Tensor) -> tf.Tensor:
        return tf.concat([rows, rows], 0)

    def wide(columns: tf.Tensor) -> tf.Tensor:
        return tf.concat([columns, columns], 1)

    return {
        "serving_default": lambda inputs: {"scores": wide(_scores(inputs))},
        "both": lambda inputs: {"classes": wide(labels(inputs)), "scores": wide(_scores(inputs))},
        "classes": lambda inputs: {"classes": labels(inputs)},
        "scores": lambda inputs: {"scores": _scores(inputs)},
        "scores_and_more": lambda inputs: {"scores": _scores(inputs), "more": tf.constant(1)},
        "three_outputs": lambda inputs: {"classes": labels(inputs), "scores": _scores(inputs), "more": tf.constant(1)},
        "neither": lambda inputs: {"y": _scores(inputs)},
        "flat_classes": lambda inputs: {"classes": labels(inputs)[:, 0], "scores": _scores(inputs)[:, 0]},
        "deep_scores": lambda inputs: {"scores": tf.reshape(wide(_scores(inputs)), [-1, 1, 2])},
        "number_classes": lambda inputs: {"classes": _scores(inputs), "scores": labels(inputs)},
        "text_scores": lambda inputs: {"scores": labels(inputs)},
        "more_classes": lambda inputs: {"classes": twice(labels(inputs)), "scores": twice(_scores(inputs))},
        "more_scores": lambda inputs: {"classes": labels(inputs), "scores": twice(_scores(inputs))},
        "wider_classes": lambda inputs: {"classes": wide(labels(inputs)), "scores": _scores(inputs)},
        "flat": lambda inputs: {"outputs": _scores(inputs)[:, 0]},
        "column": lambda inputs: {"outputs": _scores(inputs)},
        "table": lambda inputs: {"outputs": wide(_scores(inputs))},
        "single": lambda inputs: {"outputs": tf.reduce_sum(_scores(inputs))},
        "more_outputs": lambda inputs: {"outputs": twice(_scores(inputs))},
        "integers": lambda inputs: {"outputs": tf.cast(_scores(inputs), tf.int32)},
    }
