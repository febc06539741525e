"""What is said to be refused is refused by TensorFlow, and the common mistakes are found."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.saved_model.reader import read_graph, read_saved_model
from lightship.saved_model.refused_shapes import Shape, surely_refuses

SHAPES: list[Shape] = [(), (1,), (4,), (8,), (0, 4), (1, 4), (1, 5), (2, 1), (2, 8), (4, 4), (1, 2, 4), (1, 8, 8, 3)]
PHOTOS: list[Shape] = [(8, 8, 3), (1, 8, 8, 1), (1, 8, 8, 4), (2, 8, 8, 6), (1, 9, 9, 3), (0, 8, 8, 3), (1, 1, 8, 8, 3)]


def refused(version: Path, signature: str, **shapes: Shape) -> bool:
    return surely_refuses(read_graph(version), read_saved_model(version).signatures[signature], shapes)


@pytest.mark.parametrize(
    ("signature", "shape", "expected"),
    [
        ("dense", (1, 5), True),
        ("dense", (4,), True),
        ("dense", (1, 1, 4), True),
        ("dense", (7, 4), False),
        ("free_dense", (1, 3), True),
        ("transposed", (3, 3), True),
        ("transposed", (4, 3), False),
        ("conv", (8, 8, 3), True),
        ("conv", (1, 8, 8, 4), True),
        ("conv", (1, 9, 5, 3), False),
        ("conv", (1, 8, 8, 6), False),  # a convolution of groups
        ("serving_default", (2, 3), False),
        ("total", (5,), True),
        ("total", (5, 1), False),
    ],
)
def test_wrong_shapes_of_a_saved_model_are_found(
    saved_models: Path, signature: str, shape: Shape, expected: bool
) -> None:
    assert refused(saved_models / "odd" / "1", signature, x=shape) is expected


def test_two_inputs_that_do_not_go_together_are_found(saved_models: Path) -> None:
    odd = saved_models / "odd" / "1"
    assert refused(odd, "two", a=(2, 2), b=(3, 2))
    assert not refused(odd, "two", a=(1, 2), b=(3, 2))
    assert not refused(odd, "unused", a=(2, 2), b=(3, 2))


def models() -> dict[str, Callable[..., Any]]:
    """Models that take other shapes than they seem to, and some that do not."""
    import tensorflow as tf

    weights = tf.random.normal([4, 2], seed=1)
    filters = tf.random.normal([3, 3, 3, 4], seed=2)
    columns = tf.random.normal([3, 3, 3, 1], seed=3)

    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y @ weights @ tf.transpose(weights)), (0, x))[1]

    return {
        "reshaped": lambda x: tf.reshape(x, [-1, 4]) @ weights,
        "flattened": lambda x: tf.reshape(x, [-1, 192])[:, :4] @ weights,
        "scaled": lambda x: tf.nn.relu(tf.cast(x, tf.float32) / 255.0 - [1.0, 2.0, 3.0, 4.0]) @ weights,
        "branch": lambda x: tf.cond(tf.size(x) > 5, lambda: x @ weights, lambda: tf.reduce_sum(x)[None, None]),
        "either": lambda x: tf.where(tf.size(x) > 5, tf.reduce_sum(x @ weights), tf.reduce_sum(x)),
        "rank": lambda x: tf.rank(x @ weights),
        "shape": lambda x: tf.shape(x @ weights),
        "loop": loop,
        "padded": lambda x: tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), filters, 2, "VALID"),
        "conv": lambda x: tf.nn.conv2d(x, filters, 1, "SAME"),
        "depthwise": lambda x: tf.nn.depthwise_conv2d(x, columns, [1, 1, 1, 1], "SAME"),
        "pooled": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
        "turned": lambda x: tf.nn.bias_add(tf.transpose(x, [0, 3, 1, 2]), tf.range(8.0)),
        "batched": lambda x: tf.linalg.matmul(tf.transpose(x, [1, 0]), weights[:1]),
        "zero": lambda x: (x @ weights) * 0.0,
        "mean": lambda x: tf.reduce_mean(x, [1, 2]) @ weights[:3],
        "kept": lambda x: tf.reduce_max(x, [1, -1], keepdims=True) * x,
        "biased": lambda x: tf.nn.bias_add(x, [1.0, 2.0, 3.0, 4.0]),
        **optimized_models(),
    }


def optimized_models() -> dict[str, Callable[..., Any]]:
    """Models with operations that TensorFlow leaves out before it runs, so that they refuse nothing."""
    import tensorflow as tf

    def rows(x: Any) -> Any:
        return tf.reshape(x, [-1, 4])

    def photo(x: Any) -> Any:
        return tf.reshape(x, [1, 2, 2, 1])

    return {
        "reshaped_twice": lambda x: tf.reshape(rows(x), [-1, 2]) + 1.0,
        "reshaped_around_relu": lambda x: tf.reshape(tf.nn.relu(rows(x)), [-1, 2]) + 1.0,
        "reshaped_around_one": lambda x: tf.reshape(rows(x) * 1.0, [-1, 2]) + 1.0,
        "reshaped_around_zero": lambda x: tf.reshape(rows(x) + 0.0, [-1, 2]) + 1.0,
        "reshaped_around_no_bias": lambda x: tf.reshape(tf.nn.bias_add(rows(x), tf.zeros(4)), [-1, 2]) + 1.0,
        "turned_back": lambda x: tf.transpose(tf.transpose(x, [0, 3, 1, 2]), [0, 2, 3, 1]) + 1.0,
        "not_turned": lambda x: tf.transpose(x, [0, 1]) + 1.0,
        "turned_product": lambda x: tf.linalg.matmul(tf.transpose(x, [0, 2, 1]), tf.ones([1, 8, 2])),
        "padded_by_nothing": lambda x: tf.pad(x, [[0, 0]] * 4) + 1.0,
        "power_of_zero": lambda x: tf.pow(photo(x), tf.zeros([1, 2, 2, 1])) + 1.0,
        "not_chosen": lambda x: tf.where(tf.fill([1, 2, 2, 1], True), tf.ones([1, 2, 2, 1]), photo(x)) + 1.0,
        "zeros": lambda x: tf.raw_ops.ZerosLike(x=photo(x)) + 1.0,
        "less_itself": lambda x: photo(x) - photo(x) + 1.0,
        "first_of_two": lambda x: tf.stack([x, tf.nn.relu(rows(x))])[0] + 1.0,
        "plus_zero": lambda x: tf.nn.relu(x + [0.0] * 4) + 1.0,
        "times_one": lambda x: tf.nn.relu(x * ([1.0] * 4)) + 1.0,
    }


NAMES = [
    *("reshaped", "flattened", "scaled", "branch", "either", "rank", "shape", "loop", "padded", "conv", "depthwise"),
    *("pooled", "turned", "batched", "zero", "mean", "kept", "biased"),
]
# Those of `optimized_models` of which nothing is known to be refused.
LEFT_OUT = [
    *("reshaped_twice", "reshaped_around_relu", "reshaped_around_one", "reshaped_around_zero"),
    *("reshaped_around_no_bias", "turned_back", "not_turned", "padded_by_nothing", "power_of_zero"),
    *("not_chosen", "zeros", "less_itself", "first_of_two"),
]
NAMES += [*LEFT_OUT, "plus_zero", "times_one", "turned_product"]
# The shape that each of these declares, where it is not [?, 4].
DECLARED = dict.fromkeys(
    ("padded", "conv", "depthwise", "pooled", "turned", "flattened", "mean", "kept"), [None, 8, 8, 3]
) | dict.fromkeys(("turned_back", "turned_product", "padded_by_nothing"), None)


# Shapes that models take since TensorFlow optimizes them.
TAKEN: list[tuple[str, Shape]] = [
    ("reshaped_twice", (1, 2)),
    ("reshaped_around_relu", (1, 2)),
    ("padded_by_nothing", (1, 4)),
    ("turned_back", (1, 4)),
    ("turned_product", (1, 1, 8, 3)),
]


@pytest.fixture(scope="module")
def all_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models") / "1"
    signatures = {
        name: tf.function(
            lambda x, model=model: {"y": model(x)},
            input_signature=[tf.TensorSpec(DECLARED.get(name, [None, 4]), tf.float32, "x")],
        ).get_concrete_function()
        for name, model in models().items()
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)
    return folder


@pytest.fixture(scope="module")
def reference(all_models: Path) -> Any:
    from lightship.engines import EngineOptions, load_engine

    engine = load_engine(all_models, read_saved_model(all_models), EngineOptions(engine="tensorflow"))
    yield engine
    engine.close()


@pytest.mark.tensorflow
def test_tensorflow_refuses_all_that_is_said_to_be_refused(all_models: Path, reference: Any) -> None:
    from lightship.errors import LightshipError

    assert set(models()) == set(NAMES)
    graph, signatures = read_graph(all_models), read_saved_model(all_models).signatures
    said = dict.fromkeys(NAMES, 0)
    for name, shape in itertools.product(NAMES, [*SHAPES, *PHOTOS]):
        if surely_refuses(graph, signatures[name], {"x": shape}):
            said[name] += 1
            with pytest.raises(LightshipError):
                reference.run(name, {"x": np.ones(shape, np.float32)})
    silent = {name for name, number in said.items() if not number}
    assert silent == {"batched", "branch", "either", "flattened", "loop", "rank", "shape", "turned", *LEFT_OUT}


@pytest.mark.tensorflow
def test_what_a_graph_takes_in_spite_of_its_declared_shape_is_left_to_tensorflow(
    all_models: Path, reference: Any
) -> None:
    for name, shape in [("reshaped", (1, 8)), ("branch", (1, 5)), ("conv", (2, 8, 8, 6)), ("rank", (1, 4)), *TAKEN]:
        assert not refused(all_models, name, x=shape)
        reference.run(name, {"x": np.ones(shape, np.float32)})
