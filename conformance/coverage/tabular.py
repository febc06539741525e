"""Models of tables: one input for each column, or one for all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from conformance.coverage.row import Row, export, seeded, strings

AGES = [39.0, 50.0, 38.5, -1.0, 0.0]
IDS = [7, 3, 0, 99, -5]


def normalization(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    normalize = layers.Normalization()
    normalize.adapt(np.random.default_rng(0).normal(3, 5, (100, 8)).astype(np.float32))
    inputs = keras.Input((8,), name="features")
    export(keras.Model(inputs, layers.Dense(1)(layers.Dense(32, "relu")(normalize(inputs)))), folder)


def integer_lookup(folder: Path, mode: str) -> None:
    keras = seeded()
    layers = keras.layers
    lookup = layers.IntegerLookup(vocabulary=[3, 7, 42, 1000], output_mode=mode)
    inputs = keras.Input((1,), dtype="int64", name="id")
    x = lookup(inputs)
    if mode == "int":
        x = layers.Flatten()(layers.Embedding(5, 8)(x))
    export(keras.Model(inputs, layers.Dense(3)(x)), folder)


def category_encoding(folder: Path, mode: str) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((3,), dtype="int32", name="categories")
    x = layers.CategoryEncoding(num_tokens=5, output_mode=mode)(inputs)
    export(keras.Model(inputs, layers.Dense(3)(x)), folder)


def discretization(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((1,), name="age")
    x = layers.Discretization(bin_boundaries=[18.0, 30.0, 65.0], output_mode="one_hot")(inputs)
    export(keras.Model(inputs, layers.Dense(3)(x)), folder)


def hashed_integers(folder: Path) -> None:
    keras = seeded()
    layers = keras.layers
    inputs = keras.Input((1,), dtype="int64", name="id")
    x = layers.Flatten()(layers.Embedding(32, 8)(layers.Hashing(32)(inputs)))
    export(keras.Model(inputs, layers.Dense(3)(x)), folder)


def census(folder: Path, *, words: bool) -> None:
    keras = seeded()
    layers = keras.layers
    age, gain = keras.Input((1,), name="age"), keras.Input((1,), name="gain")
    job = keras.Input((1,), dtype="int64", name="job")
    inputs: dict[str, Any] = {"age": age, "gain": gain, "job": job}
    normalize = layers.Normalization(mean=40.0, variance=100.0)
    parts = [normalize(age), gain]
    parts.append(layers.IntegerLookup(vocabulary=[3, 7, 42], output_mode="one_hot")(job))
    if words:
        inputs["country"] = keras.Input((1,), dtype="string", name="country")
        countries = layers.StringLookup(vocabulary=["CH", "DE", "FR"], output_mode="one_hot")
        parts.append(countries(inputs["country"]))
    x = layers.Dense(16, "relu")(layers.Concatenate()(parts))
    export(keras.Model(inputs, layers.Dense(1, "sigmoid")(x)), folder)


def rows() -> Iterator[Row]:
    numbers = np.random.default_rng(1).normal(3, 5, (5, 8)).astype(np.float32)
    ages, ids = np.array(AGES, np.float32)[:, None], np.array(IDS, np.int64)[:, None]
    categories = np.array([[0, 1, 4], [2, 2, 2], [4, 3, 0], [1, 1, 0]], np.int32)
    several = {"serving_default": [{"id": ids[:1]}, {"id": ids}]}

    def row(name: str, save: Any, **inputs: Any) -> Row:
        single = {key: array[:1] for key, array in inputs.items()}
        return Row("Tables", name, save, {"serving_default": [single, inputs]})

    yield row("`Normalization`, perceptron", normalization, features=numbers)
    for mode, shown in (("int", "embedding"), ("one_hot", "one-hot")):
        yield Row("Tables", f"`IntegerLookup`, {shown}", partial(integer_lookup, mode=mode), several)
    for mode, shown in (("multi_hot", "multi-hot"), ("count", "counts")):
        yield row(f"`CategoryEncoding`, {shown}", partial(category_encoding, mode=mode), categories=categories)
    yield row("`Discretization`, one-hot", discretization, age=ages)
    yield Row("Tables", "`Hashing` of integers, embedding", hashed_integers, several)
    columns = {"age": ages, "gain": ages * 100, "job": ids}
    yield row("dict of inputs: `Normalization`, `IntegerLookup`", partial(census, words=False), **columns)
    countries = strings([["CH"], ["XX"], [""], ["DE"], ["FR"]])
    name = "dict of inputs: `Normalization`, `IntegerLookup`, `StringLookup`"
    yield row(name, partial(census, words=True), **columns, country=countries)
