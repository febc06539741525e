"""Makes one set of inputs of the tasks of a batch, and divides its outputs among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching.tensorflow_serving.padding import common_shape, padded
from lightship.batching.tensorflow_serving.tasks import Task, Tensors
from lightship.errors import FailedPrecondition
from lightship.memory_budget import Reservation
from lightship.tensors.array_memory import memory_of

# The engine copies the inputs into tensors of its own; its outputs are about as large, and are copied too.
_ENGINE_COPIES = 3


def merged(tasks: Sequence[Task], size: int, memory: Reservation, *, pad: bool) -> dict[str, NDArray[Any]]:
    """Returns the inputs of all tasks, one after another, filled up to `size` rows.

    The further rows repeat the first row of the last task that has rows. `pad` fills up the other dimensions too.
    `memory` counts what running them takes. Raises the errors of `common_shape`, `padded` and `Reservation.grow`.
    """
    inputs = {name: _merged(name, tasks, size, memory, pad) for name in tasks[0].inputs}
    memory.grow(_ENGINE_COPIES * memory_of(inputs.values()))
    return inputs


def _merged(name: str, tasks: Sequence[Task], size: int, memory: Reservation, pad: bool) -> NDArray[Any]:
    arrays = [task.inputs[name] for task in tasks]
    shape = common_shape(name, arrays, pad=pad)
    rows = sum(map(len, arrays))
    if len(arrays) == 1 and rows >= size:
        return arrays[0]
    memory.grow(2 * max(rows, size) * math.prod(shape) * arrays[0].itemsize)  # the padded arrays, and all together
    arrays = [padded(array, shape) for array in arrays]
    filler = next((array[:1] for array in reversed(arrays) if len(array)), None)
    if filler is not None and size > rows:
        arrays.append(np.broadcast_to(filler, (size - rows, *shape)))
    return np.concatenate(arrays)


def divided(outputs: Tensors, tasks: Sequence[Task], size: int) -> list[dict[str, NDArray[Any]]]:
    """Returns the outputs of each task, views of those of the batch, which has `size` rows.

    Raises FailedPrecondition, with TensorFlow Serving's texts, for outputs without a row for each row of the inputs.
    """
    for array in outputs.values():
        if not array.ndim:
            raise FailedPrecondition("Batched output tensor has 0 dimensions")
        if len(array) != size:
            raise FailedPrecondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    results, start = [], 0
    for task in tasks:
        end = start + task.rows
        results.append({name: array[start:end] for name, array in outputs.items()})
        start = end
    return results
