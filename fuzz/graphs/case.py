"""One random graph: made from a number, so that the number alone makes it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fuzz.graphs.operations import OPERATIONS, Operation
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# None so near to 0 that a function's last digit decides its sign.
_FLOATS = (0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 9.0, 10.0, 1e-3, 1e30, -3e38, 3e9, np.nan, np.inf, -np.inf)
_USUAL = (0.0, 1.0, -1.0, 0.5, -2.5, 2.0, 3.0)
_INTEGERS = (0, 1, 2, 3, -1, 9, 10, 1000, 2**24 + 1, -(2**24) - 1, 2**31 - 1, -(2**31), 2**40)
_SMALL = (0, 1, 2, 0, 1)
_TRIES = 40


class Case:
    """seed: all that the graph and its inputs depend on. names: the operations, in the order of their making."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.names: list[str] = []
        self._random = Random(seed)
        self._specs = [self._spec(index) for index in range(self._random.choice([1, 1, 2]))]

    def save(self, folder: Path) -> bool:
        """Writes the graph as a SavedModel; whether TensorFlow takes it at all."""
        import tensorflow as tf

        module = tf.Module()
        specs = [tf.TensorSpec(shape, dtype, name) for name, dtype, shape in self._specs]
        function = tf.function(self._graph, input_signature=specs, autograph=False)
        try:
            concrete = function.get_concrete_function()
        except (ValueError, TypeError, IndexError, tf.errors.OpError):
            return False
        module.function = function
        tf.saved_model.save(module, str(folder), signatures={DEFAULT_SIGNATURE: concrete})
        return True

    def inputs(self) -> Iterator[dict[str, NDArray[Any]]]:
        """Some arrays for its inputs: usual ones first, then such with values and sizes at the edges, and at last some
        whose shapes are not the declared ones."""
        for turn in range(8):
            sizes = [1, 2, 3, 1, 4, 0, 2, 1][turn], self._random.choice([1, 2, 4])
            yield {name: self._array(dtype, shape, sizes, usual=turn < 3) for name, dtype, shape in self._specs}
        for _ in range(2):
            yield {
                name: self._array(dtype, self._other(shape), (2, 3), usual=True) for name, dtype, shape in self._specs
            }

    def __str__(self) -> str:
        return f"graph {self.seed}: {' > '.join(self.names)} of {self._specs}"

    def _spec(self, index: int) -> tuple[str, str, list[int | None] | None]:
        dtype = self._random.choice(["float32", "float32", "float32", "int32", "int64"])
        shape = self._random.choice([[None, 4], [None, 4], [1, 4], [2, 2], [None], [None, None], [None, 2, 2], None])
        return f"x{index}", dtype, shape

    def _other(self, shape: list[int | None] | None) -> list[int | None]:
        """A shape that is not the declared one, or not its rank."""
        shape = shape or [None, 4]
        changed = list(shape)
        changed[self._random.randrange(len(shape))] = self._random.choice([1, 1, 2, 3, 4])
        return self._random.choice([changed, changed, [self._random.choice([1, 2, 3]), *shape], shape[1:]])

    def _graph(self, *inputs: Any) -> dict[str, Any]:
        import tensorflow as tf

        # TensorFlow may trace it more than once, and must get the same graph each time.
        random, tensors, self.names = Random(self.seed), list(inputs), []
        wanted = random.choice([1, 2, 3, 4, 5])
        for _ in range(_TRIES):
            if len(self.names) == wanted:
                break
            operation = random.choice(OPERATIONS)
            operands = _operands(operation, tensors, random)
            if operands is None:
                continue
            try:
                made = operation.make(tf, random, operands)
            except (ValueError, TypeError, IndexError, tf.errors.OpError):
                continue
            tensors.append(made)
            self.names.append(operation.name)
        return {"y": tf.identity(tensors[-1])}

    def _array(
        self, dtype: str, shape: list[int | None] | None, sizes: tuple[int, int], *, usual: bool
    ) -> NDArray[Any]:
        shape = self._random.choice([[None, 4], [None], [None, 2, 3]]) if shape is None else shape
        known = tuple(sizes[min(axis, 1)] if size is None else size for axis, size in enumerate(shape))
        floats, integers = (_USUAL, _SMALL) if usual else (_FLOATS, _INTEGERS)
        fitting = [value for value in integers if dtype == "int64" or -(2**31) <= value < 2**31]
        values = floats if dtype == "float32" else fitting
        edges = 0.3 if not usual else 1.0
        pool = [*values, *(values[:4] * round(4 / edges))]
        return np.array([self._random.choice(pool) for _ in range(int(np.prod(known)))], dtype).reshape(known)


def _fits(kind: str, tensor: Any) -> bool:
    dtype = tensor.dtype
    return {
        "f": dtype.name == "float32",
        "i": dtype.name in ("int32", "int64"),
        "n": dtype.name in ("float32", "int32", "int64"),
        "b": dtype.is_bool,
        "*": True,
    }[kind]


def _operands(operation: Operation, tensors: list[Any], random: Random) -> list[Any] | None:
    found = []
    for kind in operation.kinds:
        fitting = [tensor for tensor in tensors if _fits(kind, tensor)]
        if not fitting:
            return None
        # The newest, more often than not, so that graphs get deep.
        found.append(fitting[-1] if random.random() < 0.7 else random.choice(fitting))
    return found
