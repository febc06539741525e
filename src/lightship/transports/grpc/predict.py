"""PredictionService's method Predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from lightship.errors import FailedPrecondition
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import Reservation
from lightship.protos import PredictResponse
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature
from lightship.services import predict
from lightship.tensors.array_memory import memory_of
from lightship.tensors.tensor_proto import input_array
from lightship.tensors.tensor_writing import write_tensor
from lightship.transports.grpc.call import Call
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.model_specs import handle_of, spec_of, write_spec

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


def answer_predict(context: GrpcContext, request: Any, call: Call) -> Any:
    """Answers Predict.

    It checks the model, the signature, the signature's method name, the names and tensors of the inputs, and the names
    of the outputs, in this order.
    """
    spec = spec_of(request)
    with handle_of(context.manager, spec) as handle:
        servable = handle.servable
        signature = _signature(servable, spec.signature_name or DEFAULT_SIGNATURE)
        tensors = RequestTensors(request.inputs, call.memory)
        outputs = predict(servable, signature, tensors, list(request.output_filter), call.memory)
        call.check()
        response = PredictResponse()
        write_spec(response.model_spec, servable, spec.name, signature.name)
    call.memory.grow(_OUTPUT_COPIES * memory_of(outputs.values()))
    for alias, array in outputs.items():
        write_tensor(response.outputs[alias], array, as_content=context.tensor_content)
    return response


def _signature(servable: Servable, name: str) -> Signature:
    signature = servable.signature(name)
    if signature is None:
        raise FailedPrecondition(f'Serving signature key "{name}" not found.')
    return signature
