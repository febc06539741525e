"""What waits in a queue: a call, or a part of one that was divided among several batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching.base import Done, EngineCall, Results
from lightship.errors import InvalidArgument, LightshipError

# Arrays by the names of their tensors in the graph.
Tensors = Mapping[str, NDArray[Any]]
Ended = Results | BaseException


class Task:
    """The inputs of a call, or some of its rows, by tensor, and who takes the outputs.

    `finish` is called once, with the outputs by tensor, or with the error. `entered` is when the task came into its
    queue, by `time.monotonic`.
    """

    __slots__ = ("call", "entered", "finish", "inputs", "parts", "rows", "taken")

    def __init__(self, call: EngineCall, inputs: Tensors, rows: int, finish: Done) -> None:
        self.call, self.inputs, self.rows, self.finish = call, inputs, rows, finish
        self.entered = 0.0
        # What it was divided into. Then the parts wait in the queue, and not the task itself.
        self.parts: list[Task] = []
        # Whether a thread has taken it out of the queue.
        self.taken = False

    @property
    def begun(self) -> bool:
        """Whether a thread has taken it, or a part of it, out of the queue."""
        return self.taken or any(part.taken for part in self.parts)

    def divided(self, sizes: Sequence[int]) -> list[Task]:
        """Returns tasks for consecutive rows. This task is finished when all of them are."""
        parts = _Parts(len(sizes), self.finish)
        start = 0
        for index, rows in enumerate(sizes):
            inputs = {name: array[start : start + rows] for name, array in self.inputs.items()}
            self.parts.append(Task(self.call, inputs, rows, parts.finish(index)))
            start += rows
        return self.parts


class _Parts:
    """Collects the outputs of a task that was divided."""

    def __init__(self, count: int, finish: Done) -> None:
        self._outcomes: list[Ended | None] = [None] * count
        self._missing, self._finish = count, finish
        self._lock = Lock()

    def finish(self, index: int) -> Done:
        def finished(outcome: Ended) -> None:
            with self._lock:
                self._outcomes[index] = outcome
                self._missing -= 1
                if self._missing:
                    return
            self._finish(_joined([one for one in self._outcomes if one is not None]))

        return finished


def _joined(outcomes: list[Ended]) -> Ended:
    """Returns the outputs of all parts, or the first error."""
    outputs: list[dict[str, NDArray[Any]]] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            return outcome
        outputs.append(outcome)
    try:
        return {name: np.concatenate([one[name] for one in outputs]) for name in outputs[0]}
    except ValueError as error:
        return InvalidArgument(f"the outputs of the parts of a call that was split do not fit together: {error}")
    except BaseException as error:  # MemoryError, say: whoever waits must be told
        return error


def same_error(error: BaseException) -> BaseException:
    """Returns a copy for one of several callers, because each adds to the traceback of what it raises."""
    return copy.copy(error) if isinstance(error, LightshipError) else error


def rows_of(inputs: Tensors) -> int:
    """Returns the size of the first dimension, which all inputs must share.

    Raises InvalidArgument, with TensorFlow Serving's text, if there is none.
    """
    if not inputs:
        raise InvalidArgument("Batching Run() must have at least one input tensor")
    rows: int | None = None
    for array in inputs.values():
        if not array.ndim:
            raise InvalidArgument("Batching Run() input tensors must have at least one dimension")
        if rows is None:
            rows = array.shape[0]
        elif array.shape[0] != rows:
            raise InvalidArgument("Batching Run() input tensors must have equal 0th-dimension size")
    assert rows is not None
    return rows
