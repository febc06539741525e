"""Models of texts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from conformance.coverage.row import Row, export, seeded, strings

WORDS = ["the", "a", "good", "bad", "film", "was", "not", "at", "all", "straße", "naïve", "日本", "it's", "don't", "42"]
TEXTS = [
    "The film was good, not BAD at all!",
    "",
    "   \t\n  ",
    "Straße naïve 日本 ÄÖ\u00a0x",
    "unknown words only here? [yes] {no} it's",
    "a\u2003b\x0bc\x0cd\re\x1cf\x85g",
    "film " * 60,
    b"\xff\xfe broken \x00 bytes film",
]
KINDS = ["red", "green", "", "grün", "no such kind", b"\xff", "Red", "red "]


def text_vectorization(folder: Path, mode: str, length: int | None, **more: Any) -> None:
    keras = seeded()
    layers = keras.layers
    kept = {"output_sequence_length": length} if mode == "int" else {}
    vectorize = layers.TextVectorization(output_mode=mode, **kept, **more)
    if mode == "tf_idf":
        vectorize.set_vocabulary(WORDS, idf_weights=[1.0 + 0.1 * index for index in range(len(WORDS))])
    else:
        vectorize.set_vocabulary(WORDS)
    inputs = keras.Input((1,), dtype="string", name="text")
    x = vectorize(inputs)
    if mode == "int":
        x = layers.GlobalAveragePooling1D()(layers.Embedding(len(WORDS) + 2, 16)(x))
    export(keras.Model(inputs, layers.Dense(2, "softmax")(layers.Dense(32, "relu")(x))), folder)


def text_transformer(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    vectorize = layers.TextVectorization(output_sequence_length=64)
    vectorize.set_vocabulary(WORDS)
    inputs = keras.Input((1,), dtype="string", name="text")
    x = layers.Embedding(len(WORDS) + 2, 128)(vectorize(inputs))
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 32)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(128)(layers.Dense(256, "gelu")(x)))
    export(keras.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(x))), folder)


def string_lookup(folder: Path, mode: str) -> None:
    keras = seeded()
    layers = keras.layers
    lookup = layers.StringLookup(vocabulary=["red", "green", "grün", "blue"], output_mode=mode)
    inputs = keras.Input((1,), dtype="string", name="kind")
    x = lookup(inputs)
    if mode == "int":
        x = layers.Flatten()(layers.Embedding(5, 8)(x))
    export(keras.Model(inputs, layers.Dense(3)(x)), folder)


def labels(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((4,), name="features")
    scores = layers.Dense(3, "softmax")(inputs)
    lookup = layers.StringLookup(vocabulary=["cat", "dog"], invert=True)
    import tensorflow as tf

    class Label(layers.Layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.lookup = lookup

        def call(self, scores: Any) -> Any:
            return self.lookup(tf.argmax(scores, -1))

        def compute_output_spec(self, scores: Any) -> Any:
            return keras.KerasTensor((None,), "string")

    export(keras.Model(inputs, {"scores": scores, "label": Label()(scores)}), folder)


def hashing(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((1,), dtype="string", name="kind")
    x = layers.Embedding(64, 8)(layers.Hashing(64)(inputs))
    export(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))), folder)


def rows() -> Iterator[Row]:
    import numpy as np

    texts = {"serving_default": [{"text": strings([[one] for one in some])} for some in (TEXTS[:1], TEXTS)]}
    kinds = {"serving_default": [{"kind": strings([[one] for one in some])} for some in (KINDS[:1], KINDS)]}
    for name, mode, length in (
        ("`TextVectorization` to 32 words, embedding", "int", 32),
        ("`TextVectorization` to as many words as there are, embedding", "int", None),
        ("`TextVectorization`, multi-hot", "multi_hot", None),
        ("`TextVectorization`, counts", "count", None),
        ("`TextVectorization`, TF-IDF", "tf_idf", None),
    ):
        yield Row("Text", name, partial(text_vectorization, mode=mode, length=length), texts)
    bigrams = partial(text_vectorization, mode="int", length=32, ngrams=2)
    yield Row("Text", "`TextVectorization` with word pairs (`ngrams=2`), embedding", bigrams, texts)
    characters = partial(text_vectorization, mode="int", length=32, split="character")
    yield Row("Text", "`TextVectorization` by characters, embedding", characters, texts)
    yield Row("Text", "`TextVectorization` to 64 words, transformer encoder", text_transformer, texts)
    yield Row("Text", "`StringLookup`, embedding", partial(string_lookup, mode="int"), kinds)
    yield Row("Text", "`StringLookup`, one-hot", partial(string_lookup, mode="one_hot"), kinds)
    yield Row("Text", "`Hashing` of strings, embedding", hashing, kinds)
    numbers = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    asks = {"serving_default": [{"features": numbers[:1]}, {"features": numbers}]}
    yield Row("Text", "`StringLookup` of the answer: labels", labels, asks)
