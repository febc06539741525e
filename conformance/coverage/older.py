"""Models of other makers than Keras 3: Keras 2, `tf.compat.v1`, `tf.Module`, and models that take tf.Example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.coverage.row import Row, strings
from lightship import protos


def keras_2(folder: Path, kind: str) -> None:
    """Saves with the Keras of TensorFlow 2.15 and before, whose successor is the package tf_keras."""
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers = tf_keras.layers
    if kind == "image":
        inputs = tf_keras.Input((64, 64, 3), name="image")
        x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(16, 3, strides=2)(inputs)))
        x = layers.GlobalAveragePooling2D()(layers.DepthwiseConv2D(3)(x))
    elif kind == "LSTM":
        inputs = tf_keras.Input((None, 8), name="steps")
        x = layers.LSTM(16)(inputs)
    else:
        inputs = tf_keras.Input((1,), dtype="string", name="text")
        vectorize = layers.TextVectorization(output_sequence_length=16)
        vectorize.set_vocabulary(["a", "good", "bad", "film"])
        x = layers.GlobalAveragePooling1D()(layers.Embedding(6, 8)(vectorize(inputs)))
    tf_keras.Model(inputs, layers.Dense(3, "softmax")(x)).save(str(folder), save_format="tf")


def tf_1(folder: Path, kind: str) -> None:
    """Saves a graph with a session, as TensorFlow 1 does."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        if kind == "image":
            inputs = {"image": v1.placeholder(tf.float32, [None, 32, 32, 3], "image")}
            kernel = v1.get_variable("kernel", [3, 3, 3, 8], use_resource=False)
            x = tf.nn.relu(v1.nn.conv2d(inputs["image"], kernel, [1, 2, 2, 1], "SAME"))
            x = tf.reduce_mean(v1.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"), [1, 2])
        else:
            inputs = {"kind": v1.placeholder(tf.string, [None], "kind")}
            table = tf.lookup.StaticVocabularyTable(
                tf.lookup.KeyValueTensorInitializer(["red", "green"], np.array([0, 1], np.int64)), 1
            )
            rows = v1.get_variable("rows", [3, 8])
            x = tf.nn.embedding_lookup(rows, table.lookup(inputs["kind"]))
        weights = v1.get_variable("weights", [8, 3])
        outputs = {"scores": tf.nn.softmax(tf.matmul(x, weights))}
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def(inputs, outputs)
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": signature}, main_op=v1.tables_initializer()
        )
        builder.save()


def several_signatures(folder: Path) -> None:
    import tensorflow as tf

    class Scorer(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])  # type: ignore[untyped-decorator]
        def score(self, x: Any) -> Any:
            return {"scores": tf.nn.softmax(x @ self.weights)}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])  # type: ignore[untyped-decorator]
        def best(self, x: Any) -> Any:
            return {"best": tf.argmax(x @ self.weights, -1, tf.int32)}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name) for name in "xy"])  # type: ignore[untyped-decorator]
        def distance(self, x: Any, y: Any) -> Any:
            return {"distance": tf.norm((x - y) @ self.weights, axis=-1)}

    made = Scorer()
    tf.saved_model.save(
        made, str(folder), signatures={"serving_default": made.score, "best": made.best, "distance": made.distance}
    )


def of_examples(folder: Path, kind: str) -> None:
    """A model that takes serialized examples, as those of TensorFlow's estimators do."""
    import tensorflow as tf

    features: dict[str, Any] = {
        "age": tf.io.FixedLenFeature([1], tf.float32),
        "scores": tf.io.FixedLenFeature([3], tf.float32, [0.0, 0.5, 1.0]),
        "id": tf.io.FixedLenFeature([1], tf.int64, [0]),
    }
    if kind == "words":
        features["words"] = tf.io.VarLenFeature(tf.string)

    class Model(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable(np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3))
            words = tf.lookup.KeyValueTensorInitializer(["red", "green"], np.array([1, 2], np.int64))
            self.table = tf.lookup.StaticHashTable(words, 0)
            self.rows = tf.Variable(np.linspace(-1, 1, 9, dtype=np.float32).reshape(3, 3))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])  # type: ignore[untyped-decorator]
        def predict(self, examples: Any) -> Any:
            read = tf.io.parse_example(examples, features)
            x = tf.concat([read["age"], read["scores"], tf.cast(read["id"], tf.float32)], -1)
            scores = x @ self.weights
            if kind == "words":
                found = self.table.lookup(tf.sparse.to_dense(read["words"], ""))
                scores += tf.reduce_sum(tf.gather(self.rows, found), 1)
            return {"scores": tf.nn.softmax(scores)}

    made = Model()
    tf.saved_model.save(made, str(folder), signatures={"serving_default": made.predict})


def example(words: Sequence[bytes] = (), **features: Sequence[float] | Sequence[int]) -> bytes:
    made = protos.Example()
    for name, values in features.items():
        feature = made.features.feature[name]
        (feature.int64_list if name == "id" else feature.float_list).value.extend(values)
    if words:
        made.features.feature["words"].bytes_list.value.extend(words)
    return bytes(made.SerializeToString())


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(4)

    def asks(**inputs: Any) -> Any:
        return {"serving_default": [{name: array[:1] for name, array in inputs.items()}, inputs]}

    images, steps = rng.random((3, 64, 64, 3), np.float32), rng.normal(size=(3, 7, 8)).astype(np.float32)
    yield Row("Other makers", "Keras 2: images", partial(keras_2, kind="image"), asks(image=images))
    yield Row("Other makers", "Keras 2: `LSTM` of variable length", partial(keras_2, kind="LSTM"), asks(steps=steps))
    texts = strings([["A good film"], [""], ["bad, BAD film!  "]])
    yield Row("Other makers", "Keras 2: `TextVectorization`", partial(keras_2, kind="text"), asks(text=texts))
    small = rng.random((3, 32, 32, 3), np.float32)
    yield Row("Other makers", "`tf.compat.v1`: images", partial(tf_1, kind="image"), asks(image=small))
    kinds = strings(["red", "", "green", "no such kind"])
    yield Row("Other makers", "`tf.compat.v1`: vocabulary table", partial(tf_1, kind="words"), asks(kind=kinds))
    x = rng.normal(size=(3, 4)).astype(np.float32)
    single = asks(x=x)["serving_default"]
    signatures = {"serving_default": single, "best": single, "distance": asks(x=x, y=-x)["serving_default"]}
    yield Row("Other makers", "`tf.Module` with three signatures", several_signatures, signatures)
    examples = [
        example([b"green"], age=[3.5], scores=[1, 2, 3], id=[7]),
        example([b"red", b"blue", b"green"], age=[-1.0]),
        example([b""], age=[0.0], id=[-5]),
    ]
    numbers = strings(examples)
    yield Row("Other makers", "`tf.Example` of numbers", partial(of_examples, kind="numbers"), asks(examples=numbers))
    yield Row(
        "Other makers", "`tf.Example` of numbers and words", partial(of_examples, kind="words"), asks(examples=numbers)
    )
