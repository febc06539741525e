"""Tells the metrics how long the engine took for a call."""

from __future__ import annotations

from typing import TypeVar

from lightship.batching import Steps
from lightship.lifecycle.servable import Servable

Result = TypeVar("Result")


def timed(servable: Servable, api: str, steps: Steps[Result]) -> Steps[Result]:
    """Does the steps of a call, and tells the servable's observer the sum of its runs' times if the call succeeds.

    api: the name of the method, as TensorFlow Serving's metrics call it, such as Predict.
    """
    return steps if servable.observer is None else _timed(servable, api, steps)


def _timed(servable: Servable, api: str, steps: Steps[Result]) -> Steps[Result]:
    runs, seconds = 0, 0.0
    try:
        run = next(steps)
        while True:
            try:
                results = yield run
            except BaseException as error:
                run = steps.throw(error)
            else:
                runs, seconds = runs + 1, seconds + run.seconds
                run = steps.send(results)
    except StopIteration as end:
        if runs and servable.observer is not None:
            servable.observer.answered(api, seconds * 1_000_000)
        result: Result = end.value
        return result
