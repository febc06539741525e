"""Predict: takes tensors and returns tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.batching import EngineCall, EngineRun, Outcome, Results, Scheduler, Steps, complete
from lightship.bundle.explain_spec import PUBLIC_SIGNATURES
from lightship.engines.base import check_inputs, check_outputs
from lightship.errors import InvalidArgument, LightshipError, OutOfRange
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import CLASSIFY_METHOD, DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature
from lightship.services.examples import images_of_examples
from lightship.services.explain import explain_signature_steps
from lightship.services.images import rank_images_steps
from lightship.services.predict_checks import check_predict_method, with_defaults, with_shapes
from lightship.services.timed_steps import timed
from lightship.tensors.array_memory import memory_of
from lightship.tensors.dtypes import DataType

# The engine copies the inputs into tensors of its own, and a joint run copies them before; or its outputs are about as
# large, and are copied too.
_ENGINE_COPIES = 3

Arrays = Mapping[str, NDArray[Any]]


def check_signature(servable: Servable, signature_name: str) -> Signature:
    """Returns a signature; an empty name means `serving_default`.

    Raises InvalidArgument, with TensorFlow Serving's text, if it does not exist.
    """
    name = signature_name or DEFAULT_SIGNATURE
    signature = servable.signature(name)
    if signature is None:
        error = InvalidArgument(f'Serving signature name: "{name}" not found in signature def')
        raise error.about(servable.missing_signature(name))
    return signature


@dataclass(slots=True)  # not frozen: that takes a microsecond more to make
class Prediction:
    """A call of one signature whose inputs and outputs were checked. The servable must be held by a handle."""

    servable: Servable
    signature: Signature
    inputs: Arrays
    outputs: Sequence[str] | None
    # Counts what running takes: the engine's tensors, and the pixels of encoded images.
    memory: Reservation = NOT_COUNTED
    # How many calls it stands for, whose rows are below each other. If more than one, only `run_together` may run it.
    calls: int = 1
    # What `run_together` has made of it, and the seconds of the run.
    outcome: Outcome = None
    seconds: float = 0.0

    @property
    def decodes_images(self) -> bool:
        """Whether the inputs are encoded images."""
        return self.signature.name in self.servable.bundle.image_signatures or self.explains

    @property
    def explains(self) -> bool:
        """Whether this explains answers for encoded images."""
        name = self.signature.name
        return name in PUBLIC_SIGNATURES and name in self.servable.bundle.explain_signatures

    def steps(self) -> Steps[Results]:
        """Runs the signature and returns the outputs, and tells the servable's observer of a Predict.

        Raises InvalidArgument for values and shapes that do not fit, FailedPrecondition where no engine runs the
        signature.
        """
        return timed(self.servable, "Predict", self.part_steps())

    def part_steps(self) -> Steps[Results]:
        """Does what `steps` does, as a part of another call."""
        return self._image_steps() if self.decodes_images else self._engine_steps()

    def engine_call(self) -> EngineCall:
        return EngineCall(self.signature.name, self.inputs, self.outputs, calls=self.calls)

    def _image_steps(self) -> Steps[Results]:
        signature = self.signature
        wanted = check_outputs(signature, self.outputs)
        check_inputs(signature, self.inputs)
        if self.explains:
            explained = yield from explain_signature_steps(self.servable, self.inputs, self.memory)
            return {name: explained[name] for name in wanted}
        images = _images(signature, self.inputs)
        labels, scores = yield from rank_images_steps(self.servable, images, self.memory)
        return {name: labels if signature.outputs[name].dtype is DataType.DT_STRING else scores for name in wanted}

    def _engine_steps(self) -> Steps[Results]:
        copies = _ENGINE_COPIES * memory_of(self.inputs.values())
        self.memory.grow(copies)
        try:
            return (yield EngineRun(self.servable.scheduler, self.engine_call()))
        except LightshipError as error:
            raise with_shapes(error, self.signature, self.inputs) from None
        finally:
            self.memory.shrink(copies)


def run_together(predictions: Sequence[Prediction]) -> None:
    """Runs predictions that have arrived together, on an event loop, and sets their outcomes. Never waits.

    Those whose outcome stays None may take long: their steps are to be done on a thread. None may decode images.
    """
    if len(predictions) == 1:
        (one,) = predictions
        call = one.engine_call()
        (one.outcome,) = one.servable.scheduler.try_run((call,))
        one.seconds = call.seconds
        return
    groups: dict[Scheduler, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(prediction.servable.scheduler, []).append(prediction)
    for scheduler, some in groups.items():
        calls = [prediction.engine_call() for prediction in some]
        for prediction, call, outcome in zip(some, calls, scheduler.try_run(calls), strict=True):
            prediction.outcome, prediction.seconds = outcome, call.seconds


def prepare_prediction(
    servable: Servable,
    signature: Signature,
    inputs: Arrays,
    outputs: Sequence[str] | None = None,
    memory: Reservation = NOT_COUNTED,
) -> Prediction:
    """Checks a call of a signature with one array for each of its inputs that has no default; all outputs by default.

    inputs: where it is not a dict, each array is asked for once, after their names were counted. Raises InvalidArgument
    for names that do not fit, OutOfRange for the initializer, Internal for an unknown method name where they are
    checked.
    """
    if servable.check_method_names:
        check_predict_method(signature)
    if type(inputs) is not dict or inputs.keys() != signature.inputs.keys():
        inputs = with_defaults(signature, inputs)
    if signature.name == INIT_SIGNATURE:
        raise _initializer_error(check_outputs(signature, outputs), signature)
    return Prediction(servable, signature, inputs, outputs, memory)


def predict(
    servable: Servable,
    signature: Signature,
    inputs: Arrays,
    outputs: Sequence[str] | None = None,
    memory: Reservation = NOT_COUNTED,
) -> dict[str, NDArray[Any]]:
    """Runs a signature: the bundle's labels and image spec answer its image signatures, the engine all others.

    Arguments and errors are those of `prepare_prediction` and `Prediction.steps`.
    """
    return complete(prepare_prediction(servable, signature, inputs, outputs, memory).steps())


def _initializer_error(outputs: Sequence[str], signature: Signature) -> OutOfRange:
    """Returns TensorFlow's error: the initializer is an operation without outputs."""
    node = signature.outputs[outputs[0]].tensor.partition(":")[0] if outputs else signature.name
    return OutOfRange(f"Node '{node}' (type: 'NoOp', num of outputs: 0) does not have output 0")


def _images(signature: Signature, inputs: Arrays) -> list[bytes]:
    ((name, array),) = inputs.items()
    if array.ndim != 1:
        raise InvalidArgument(f'input "{name}" has shape {list(array.shape)}; give a list of {name} with shape [N]')
    values: list[bytes] = list(np.asarray(array, dtype=object))
    return images_of_examples(values) if signature.method_name == CLASSIFY_METHOD else values
