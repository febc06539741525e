"""PredictionService's method Predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from lightship.batching import Steps
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.lifecycle.handle import Handle
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import Reservation
from lightship.protos import PredictResponse
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature
from lightship.services.predict import Prediction, prepare_prediction
from lightship.tensors.array_memory import memory_of
from lightship.tensors.tensor_proto import input_array
from lightship.tensors.tensor_writing import write_tensor
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.model_specs import choice_of, spec_of, write_spec
from lightship.transports.grpc.request_templates import PredictCall
from lightship.transports.prediction_kind import prediction_kind

_OUTPUT_COPIES = 5  # of outputs, at the peak: the array, its bytes twice, in the message, and the serialized message


class RequestTensors(Mapping[str, NDArray[Any]]):
    """The tensors of a request by input name. Each tensor is parsed when it is looked up.

    A look-up raises InvalidArgument if the tensor is invalid, and the errors of `Reservation.grow`.
    """

    def __init__(self, tensors: Any, memory: Reservation) -> None:
        self._tensors, self._memory = tensors, memory

    def __getitem__(self, alias: str) -> NDArray[Any]:
        if alias not in self._tensors:  # looking it up would add an entry to the protobuf map
            raise KeyError(alias)
        return input_array(alias, self._tensors[alias], self._memory)

    def __contains__(self, alias: object) -> bool:
        return alias in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


class PreparedPredict:
    """A Predict request that was read and checked. It owns a handle, which keeps its servable loaded.

    It ends when `response` returns bytes, when `steps` end, when either raises, or with `release`.
    """

    __slots__ = ("_context", "_model", "_prediction", "handle")

    def __init__(self, context: GrpcContext, handle: Handle, prediction: Prediction, model: str) -> None:
        """`model` is the model's name as the client sent it."""
        self._context, self.handle, self._prediction, self._model = context, handle, prediction, model

    @property
    def kind(self) -> str:
        """The kind of work that running the call is, if it takes encoded images; else ""."""
        return prediction_kind(self._prediction)

    @property
    def prediction(self) -> Prediction:
        return self._prediction

    @property
    def version(self) -> int:
        """The version that answers."""
        return self.handle.servable.id.version

    def response(self) -> bytes | None:
        """Returns the response to what the event loop has run. None: it has not, and the steps can still be done."""
        outcome = self._prediction.outcome
        if outcome is None:
            return None
        try:
            if isinstance(outcome, Exception):
                raise outcome
            return self._response(outcome)
        finally:
            self.handle.release()

    def responses(self, count: int) -> list[bytes] | None:
        """Returns the responses to the calls that this one stands for. None: the event loop has not run it.

        The handle is released then too.
        """
        outcome = self._prediction.outcome
        with self.handle:
            if not isinstance(outcome, dict):
                return None
            if len(outcome) == 1:
                ((alias, array),) = outcome.items()
                context, write = self._context, lambda part: self._written({alias: part})
                kind = self._kind(alias)
                return context.responses.write_parts(kind, array, count, write, as_content=context.tensor_content)
            return [self._written(part) for part in _parts(outcome, count)]

    def steps(self, caller: Caller) -> Steps[bytes]:
        """Returns the response. Raises DeadlineExceeded or Cancelled if nobody waits for it any more."""
        with self.handle:
            caller.check()
            outputs = yield from self._prediction.steps()
            caller.check()
            return self._response(outputs)

    def release(self) -> None:
        self.handle.release()

    def _response(self, outputs: Mapping[str, NDArray[Any]]) -> bytes:
        if len(outputs) != 1:
            return self._written(outputs)
        ((alias, array),) = outputs.items()
        context = self._context
        return context.responses.write(
            self._kind(alias), array, lambda other: self._written({alias: other}), as_content=context.tensor_content
        )

    def _kind(self, alias: str) -> tuple[object, ...]:
        """What responses have in common that differ in the numbers of this output only."""
        return (self._model, self.handle.servable.id.version, self._prediction.signature.name, alias)

    def _written(self, outputs: Mapping[str, NDArray[Any]]) -> bytes:
        self._prediction.memory.grow(_OUTPUT_COPIES * memory_of(outputs.values()))
        response = PredictResponse()
        write_spec(response.model_spec, self.handle.servable, self._model, self._prediction.signature.name)
        for alias, array in outputs.items():
            write_tensor(response.outputs[alias], array, as_content=self._context.tensor_content)
        body: bytes = response.SerializeToString()
        return body


def _parts(outputs: Mapping[str, NDArray[Any]], count: int) -> Iterator[dict[str, NDArray[Any]]]:
    """Divides the rows of all outputs, of which there must be a multiple of `count`."""
    rows = len(next(iter(outputs.values()))) // count
    for start in range(0, rows * count, rows):
        yield {alias: array[start : start + rows] for alias, array in outputs.items()}


def read_predict(request: Any, memory: Reservation) -> PredictCall:
    """Returns what a request message says. Its tensors are read when they are looked up, and `memory` counts them.

    Raises InvalidArgument if it names no model.
    """
    spec = spec_of(request)
    inputs = RequestTensors(request.inputs, memory)
    return PredictCall(spec.name, *choice_of(spec), spec.signature_name, tuple(request.output_filter), inputs)


def prepare_predict(context: GrpcContext, call: PredictCall, memory: Reservation) -> PreparedPredict:
    """Checks a Predict request. `memory` counts what running it takes.

    It checks the model, the signature, the signature's method name, the names and tensors of the inputs, in this order.
    The names of the outputs are checked by the run.
    """
    if not call.model:
        raise InvalidArgument("ModelSpec has no name specified.")
    handle = context.manager.handle(call.model, call.version, call.label)
    try:
        signature = _signature(handle.servable, call.signature or DEFAULT_SIGNATURE)
        prediction = prepare_prediction(handle.servable, signature, call.inputs, call.outputs, memory)
    except BaseException:
        handle.release()
        raise
    return PreparedPredict(context, handle, prediction, call.model)


def _signature(servable: Servable, name: str) -> Signature:
    signature = servable.signature(name)
    if signature is None:
        error = FailedPrecondition(f'Serving signature key "{name}" not found.')
        raise error.about(servable.missing_signature(name))
    return signature
