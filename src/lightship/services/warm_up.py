"""Makes the calls of a warm-up file as if a client made them, and ignores the results."""

from __future__ import annotations

from typing import Any

from lightship.errors import Unimplemented
from lightship.lifecycle.servable import Servable
from lightship.saved_model.signatures import CLASSIFY_METHOD, REGRESS_METHOD
from lightship.services.classify import classify
from lightship.services.example_inputs import examples_of
from lightship.services.predict import check_signature, predict
from lightship.services.regress import regress
from lightship.tensors.tensor_proto import input_array


def make_logged_call(servable: Servable, log: Any) -> None:
    """Makes the call of a `PredictionLog`, with the signature that it names. Ignores its model name and version.

    Raises the errors of the call.
    """
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        _predict(servable, log.predict_log.request)
    elif kind == "classify_log":
        request = log.classify_log.request
        classify(servable, request.model_spec.signature_name, examples_of(request.input))
    elif kind == "regress_log":
        request = log.regress_log.request
        regress(servable, request.model_spec.signature_name, examples_of(request.input))
    elif kind == "multi_inference_log":
        _infer(servable, log.multi_inference_log.request)


def _predict(servable: Servable, request: Any) -> None:
    signature = check_signature(servable, request.model_spec.signature_name)
    inputs = {alias: input_array(alias, tensor) for alias, tensor in request.inputs.items()}
    predict(servable, signature, inputs, list(request.output_filter) or None)


def _infer(servable: Servable, request: Any) -> None:
    """Runs each task separately, which warms up the same signatures."""
    examples = examples_of(request.input)
    calls = {CLASSIFY_METHOD: classify, REGRESS_METHOD: regress}
    for task in request.tasks:
        call = calls.get(task.method_name)
        if call is None:
            raise Unimplemented(f"Unsupported signature method_name: {task.method_name}")
        call(servable, task.model_spec.signature_name, examples)
