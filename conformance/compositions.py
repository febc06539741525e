"""Several operations together, as layers of Keras make them: what loops are made of can only be proven so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from conformance.graph import Graph, Shape

LOOPS = (
    "While",
    "TensorListFromTensor",
    "TensorListGetItem",
    "TensorListReserve",
    "TensorListSetItem",
    "TensorListStack",
)


def compositions() -> Iterator[Graph]:
    """Each as a graph of the operation "composition", which proves the operations of loops in it."""
    sequences: tuple[Shape, ...] = ([None, 5, 3], [None, None, 3], [1, 5, 3])
    for layer in ("LSTM", "GRU", "SimpleRNN"):
        for shape in sequences:
            for whole in (False, True):
                yield _layer(
                    lambda keras, layer=layer, whole=whole: getattr(keras.layers, layer)(4, return_sequences=whole),
                    shape,
                )
    yield _layer(lambda keras: keras.layers.Bidirectional(keras.layers.LSTM(4)), [None, None, 3])
    yield _layer(lambda keras: keras.layers.Bidirectional(keras.layers.GRU(4, return_sequences=True)), [None, 5, 3])
    yield _layer(lambda keras: keras.layers.LSTM(4, go_backwards=True), [None, 5, 3])
    yield _layer(
        lambda keras: keras.Sequential([keras.layers.LSTM(4, return_sequences=True), keras.layers.GRU(3)]), [None, 5, 3]
    )
    yield _layer(
        lambda keras: keras.Sequential([keras.layers.Embedding(9, 4, mask_zero=True), keras.layers.LSTM(4)]),
        [None, None],
        "int32",
        fixed={"x": [[[1, 2, 3, 0]], [[8, 0, 0, 0]], [[4, 4, 4, 4], [1, 2, 0, 0]], [[9, 1, 1, 1]], [[-1, 1, 1, 1]]]},
    )
    for activation in (
        "relu",
        "gelu",
        "silu",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "tanh",
        "sigmoid",
        "hard_sigmoid",
        "relu6",
        "leaky_relu",
        "mish",
        "softmax",
        "log_softmax",
        "exponential",
    ):
        yield _layer(lambda keras, activation=activation: keras.layers.Dense(5, activation), [None, 4])
    images: Shape = [None, 8, 8, 3]
    for make in (
        lambda keras: keras.Sequential(
            [keras.layers.Conv2D(4, 3, padding="same"), keras.layers.BatchNormalization(), keras.layers.ReLU(6)]
        ),
        lambda keras: keras.Sequential([keras.layers.DepthwiseConv2D(3, strides=2), keras.layers.Activation("silu")]),
        lambda keras: keras.Sequential([keras.layers.SeparableConv2D(4, 3), keras.layers.GlobalAveragePooling2D()]),
        lambda keras: keras.Sequential(
            [keras.layers.Conv2DTranspose(4, 3, strides=2, padding="same"), keras.layers.GlobalMaxPooling2D()]
        ),
        lambda keras: keras.Sequential(
            [
                keras.layers.ZeroPadding2D(1),
                keras.layers.MaxPooling2D(3, 2),
                keras.layers.Flatten(),
                keras.layers.Dense(2),
            ]
        ),
        lambda keras: keras.Sequential(
            [keras.layers.UpSampling2D(2), keras.layers.AveragePooling2D(2), keras.layers.Cropping2D(1)]
        ),
        lambda keras: keras.Sequential(
            [keras.layers.UpSampling2D(2, interpolation="bilinear"), keras.layers.Conv2D(2, 3, dilation_rate=2)]
        ),
        lambda keras: keras.Sequential(
            [keras.layers.GroupNormalization(1), keras.layers.Conv2D(2, 1, activation="gelu")]
        ),
        lambda keras: keras.Sequential([keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Conv2D(2, 1)]),
    ):
        yield _layer(make, images)
    for shape in ([None, 6, 4], [None, None, 4]):
        yield _layer(lambda keras: keras.layers.LayerNormalization(), shape)
        yield _layer(
            lambda keras: keras.Sequential(
                [keras.layers.Conv1D(3, 2, padding="causal"), keras.layers.GlobalAveragePooling1D()]
            ),
            shape,
        )
        yield _layer(_attention, shape)


def _attention(keras: Any) -> Any:
    class Block(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.norm = keras.layers.MultiHeadAttention(2, 3), keras.layers.LayerNormalization()
            self.dense = keras.layers.Dense(4, "gelu")

        def build(self, shape: Any) -> None:
            self.attention.build(shape, shape)
            self.norm.build(shape)
            self.dense.build(shape)

        def call(self, x: Any) -> Any:
            return self.dense(self.norm(x + self.attention(x, x)))

    return Block()


def _layer(make: Callable[[Any], Any], shape: Shape, dtype: str = "float32", **more: Any) -> Graph:
    made: list[Any] = []

    def build(tf: Any, x: Any) -> Any:
        import keras

        if not made:
            keras.utils.set_random_seed(1)
            made.append(make(keras))
            made[0].build(tuple(shape))
        return made[0](x)

    def variables() -> list[Any]:
        return [variable.value for variable in made[0].variables]

    build.variables = variables  # type: ignore[attr-defined]
    return Graph("composition", {}, {}, [("x", dtype, shape)], build, **more)
