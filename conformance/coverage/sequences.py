"""Models of sequences whose length is free."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.coverage.row import Row, export, seeded


def recurrent(folder: Path, layer: str, *, masked: bool = False, bidirectional: bool = False) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((None, 8), name="steps")
    cell = getattr(layers, layer)(16)
    x = layers.Masking()(inputs) if masked else inputs
    x = (layers.Bidirectional(cell) if bidirectional else cell)(x)
    export(keras.Model(inputs, layers.Dense(2)(x)), folder)


def tokens_to_lstm(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Bidirectional(layers.LSTM(16))(layers.Embedding(100, 8, mask_zero=True)(inputs))
    export(keras.Model(inputs, layers.Dense(2, "softmax")(x)), folder)


def encoder(folder: Path, *, masked: bool) -> None:
    keras = seeded()
    layers = keras.layers
    inputs: Any = keras.Input((None,), dtype="int32", name="tokens")
    x = layers.Embedding(100, 64, mask_zero=masked)(inputs)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 16)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(64)(layers.Dense(128, "gelu")(x)))
    export(keras.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(x))), folder)


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(2)
    steps = [{"steps": rng.normal(size=(rows, length, 8)).astype(np.float32)} for rows, length in ((1, 20), (3, 7))]
    padded = steps[1]["steps"].copy()
    padded[0, 4:], padded[1, 1:] = 0, 0
    tokens = [{"tokens": rng.integers(1, 100, (rows, length)).astype(np.int32)} for rows, length in ((1, 20), (3, 7))]
    zeros = tokens[1]["tokens"].copy()
    zeros[0, 4:], zeros[2, 6:] = 0, 0
    of_steps = {"serving_default": [*steps, {"steps": padded}]}
    of_tokens = {"serving_default": [*tokens, {"tokens": zeros}]}
    for layer in ("LSTM", "GRU"):
        yield Row("Sequences", f"`{layer}` of variable length", partial(recurrent, layer=layer), of_steps)
        masked = partial(recurrent, layer=layer, masked=True)
        yield Row("Sequences", f"`Masking`, `{layer}` of variable length", masked, of_steps)
    both = partial(recurrent, layer="LSTM", bidirectional=True)
    yield Row("Sequences", "`Bidirectional(LSTM)` of variable length", both, of_steps)
    yield Row("Sequences", "`Embedding(mask_zero=True)`, `Bidirectional(LSTM)`", tokens_to_lstm, of_tokens)
    yield Row("Sequences", "transformer encoder of tokens", partial(encoder, masked=False), of_tokens)
    yield Row("Sequences", "transformer encoder of tokens, padding masked", partial(encoder, masked=True), of_tokens)
