"""A `:predict` request that was read, and can be run later."""

from __future__ import annotations

from collections.abc import Callable

from lightship.batching import Steps
from lightship.lifecycle.handle import Handle
from lightship.services.predict import Prediction
from lightship.transports.http.executor import Pending
from lightship.transports.http.messages import Response
from lightship.transports.http.steps_job import StepsJob
from lightship.transports.prediction_kind import prediction_kind
from lightship.transports.rest.endpoints.predict_response import Tensors


class PreparedPredict:
    """A `:predict` request whose body was converted to the arrays of a signature. It is a `PreparedCall`."""

    __slots__ = ("_handle", "_job", "_prediction", "_write")

    def __init__(self, handle: Handle, prediction: Prediction, write: Callable[[Tensors], Response]) -> None:
        """`write` makes the response of the outputs."""
        self._handle, self._prediction, self._write = handle, prediction, write
        self._job: StepsJob[Response] | None = None

    @property
    def kind(self) -> str:
        return prediction_kind(self._prediction)

    @property
    def prediction(self) -> Prediction | None:
        return None if self._prediction.decodes_images else self._prediction

    def response(self) -> Response | None:
        outcome = self._prediction.outcome
        if outcome is None:
            return None
        try:
            if isinstance(outcome, Exception):
                raise outcome
            return self._write(outcome)
        finally:
            self._handle.release()

    def run(self) -> Response | Pending[Response]:
        job = self._job = self._job or StepsJob(self.steps())
        return job.run()

    def steps(self) -> Steps[Response]:
        with self._handle:
            outputs = yield from self._prediction.steps()
            return self._write(outputs)

    def release(self) -> None:
        if self._job is not None:
            self._job.release()
        self._handle.release()
