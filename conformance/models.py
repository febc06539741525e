"""`python -m conformance.models`: which engine runs the usual models of Keras, and why."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightship.engines import EngineOptions, load_engine
from lightship.engines.base import SignatureReport
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# The smallest of each family of keras.applications, and the least size of image that it takes well.
APPLICATIONS = {
    "ConvNeXtTiny": 64,
    "DenseNet121": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "InceptionResNetV2": 96,
    "InceptionV3": 96,
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "NASNetMobile": 64,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "VGG16": 64,
    "Xception": 96,
}


def application(name: str) -> Any:
    import keras

    size = APPLICATIONS[name]
    return getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=10)


def perceptron(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential([keras.Input((10,)), layers.Dense(32, "relu"), layers.Dense(3, "softmax")])


def recurrent(keras: Any, layer: str) -> Any:
    return keras.Sequential([keras.Input((None, 8)), getattr(keras.layers, layer)(4), keras.layers.Dense(2)])


def embedding(keras: Any, dtype: str, **more: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((12,), dtype=dtype)
    pooled = layers.GlobalAveragePooling1D()(layers.Embedding(100, 8, **more)(inputs))
    return keras.Model(inputs, layers.Dense(2, "sigmoid")(pooled))


def encoder(keras: Any, *, tokens: bool) -> Any:
    layers = keras.layers
    inputs = keras.Input((None,), dtype="int32") if tokens else keras.Input((16, 32))
    x = layers.Embedding(100, 32)(inputs) if tokens else inputs
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 8)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(32)(layers.Dense(64, "gelu")(x)))
    return keras.Model(inputs, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(x)))


SMALL: Mapping[str, Callable[[Any], Any]] = {
    "perceptron": perceptron,
    "LSTM": lambda keras: recurrent(keras, "LSTM"),
    "GRU": lambda keras: recurrent(keras, "GRU"),
    "embedding of integers": lambda keras: embedding(keras, "int32"),
    "embedding of floats": lambda keras: embedding(keras, "float32"),
    "embedding with a mask": lambda keras: embedding(keras, "int32", mask_zero=True),
    "transformer encoder": lambda keras: encoder(keras, tokens=False),
    "transformer encoder of tokens": lambda keras: encoder(keras, tokens=True),
}


def report(model: Any, folder: Path) -> SignatureReport:
    """How a Keras model is run once it is exported."""
    model.export(str(folder), verbose=False)
    engine = load_engine(folder, read_saved_model(folder), EngineOptions(trust=True))
    try:
        engine.engine_of(DEFAULT_SIGNATURE)
        return next(one for one in engine.reports() if one.signature == DEFAULT_SIGNATURE)
    finally:
        engine.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.models", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    wanted = parser.parse_args().names
    import keras

    makers: dict[str, Callable[[], Any]] = {name: (lambda name=name: application(name)) for name in APPLICATIONS}
    makers |= {name: (lambda make=make: make(keras)) for name, make in SMALL.items()}
    on_tensorflow = 0
    for name, make in makers.items():
        if not wanted or name in wanted:
            with tempfile.TemporaryDirectory(prefix="lightship-models-") as place:
                found = report(make(), Path(place) / "1")
            on_tensorflow += found.engine != "openvino"
            print(f"{name}: {found.engine}: {found.reason}", flush=True)
    return 1 if on_tensorflow else 0


if __name__ == "__main__":
    sys.exit(main())
