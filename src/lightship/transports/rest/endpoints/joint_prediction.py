"""Requests of the endpoint `:predict` whose rows are read into one tensor, and run as one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightship.lifecycle.handle import Handle
from lightship.lifecycle.served_models import ServedModels
from lightship.memory_budget import Reservation
from lightship.services.predict import Prediction, check_signature, prepare_prediction
from lightship.transports.http.messages import Response
from lightship.transports.rest.endpoints.predict_response import predictions_of_each
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.reading.small_document import read_small, small_tensors
from lightship.transports.rest.routes import Route
from lightship.transports.rest.writing.text_memory import answer_memory

_BEGINNING = b'{"instances"'


class JointPrediction:
    """Requests that were read as one. It owns a handle, which `responses` or `release` releases.

    `prediction` is to be run before `responses` is called.
    """

    __slots__ = ("_handle", "_route", "prediction")

    def __init__(self, route: Route, handle: Handle, prediction: Prediction) -> None:
        self._route, self._handle, self.prediction = route, handle, prediction

    def responses(self) -> list[Response] | None:
        """Returns the response to each request. None: the event loop has not run them.

        Raises the errors of a single response, and those of `Reservation.grow`.
        """
        prediction, route = self.prediction, self._route
        with self._handle:
            outputs = prediction.outcome
            if not isinstance(outputs, dict):
                return None
            prediction.memory.grow(answer_memory(outputs, rows=True))
            version = self._handle.servable.id.version
            bodies = predictions_of_each(outputs, prediction.calls)
        headers, model, api = version_header(version), route.model, route.action
        return [Response(200, body, headers=headers, model=model, api=api, version=version) for body in bodies]

    def release(self) -> None:
        self._handle.release()


def may_be_joint(body: bytes) -> bool:
    """Returns whether a body looks as if `read_joint` could read it."""
    return body.startswith(_BEGINNING)


def read_joint(
    manager: ServedModels, route: Route, bodies: Sequence[bytes], memory: Reservation
) -> JointPrediction | None:
    """Reads requests in row format as one call of the default signature.

    Returns None if they cannot be joined: if the model's calls are not, or if the bodies do not all have the same
    number of rows of one shape, and nothing else. Raises the errors of a single request. `memory` is that of all.
    """
    handle = manager.handle(route.model, route.version, route.label)
    try:
        prediction = _prediction(handle, bodies, memory)
    except BaseException:
        handle.release()
        raise
    if prediction is None:
        handle.release()
        return None
    return JointPrediction(route, handle, prediction)


def _prediction(handle: Handle, bodies: Sequence[bytes], memory: Reservation) -> Prediction | None:
    servable = handle.servable
    signature = check_signature(servable, "")
    if not servable.scheduler.joins(signature.name, len(bodies)):
        return None
    rows = _rows(bodies)
    tensors = None if rows is None else small_tensors({"instances": rows}, signature.inputs)
    if tensors is None:
        return None
    prediction = prepare_prediction(servable, signature, tensors, memory=memory)
    prediction.calls = len(bodies)
    return None if prediction.decodes_images else prediction


def _rows(bodies: Sequence[bytes]) -> list[Any] | None:
    """Returns the instances of all bodies, or None if they do not all have as many and nothing else."""
    rows: list[Any] = []
    count = 0
    for body in bodies:
        document, only_numbers = read_small(body)
        if document is None or not only_numbers or len(document) != 1:
            return None
        found = document.get("instances")
        if type(found) is not list or not found or len(found) != (count or len(found)):
            return None
        count = len(found)
        rows += found
    return rows
