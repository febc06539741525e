"""PredictionService's methods Classify, Regress and MultiInference."""

from __future__ import annotations

from typing import Any

from lightship.batching import Steps
from lightship.errors import LightshipError
from lightship.protos import ClassificationResponse, MultiInferenceResponse, RegressionResponse
from lightship.services import (
    Classifications,
    Regressions,
    Task,
    classify_steps,
    multi_inference_steps,
    regress_steps,
)
from lightship.services.example_inputs import examples_of
from lightship.transports.grpc.call import Caller
from lightship.transports.grpc.context import GrpcContext
from lightship.transports.grpc.model_specs import handle_of, spec_of, write_spec


def answer_classify(context: GrpcContext, request: Any, call: Caller) -> Steps[Any]:
    spec, response = spec_of(request), ClassificationResponse()
    with handle_of(context.manager, spec) as handle:
        examples = examples_of(request.input, call.memory)
        result = yield from classify_steps(handle.servable, spec.signature_name, examples, call.memory)
        write_spec(response.model_spec, handle.servable, spec.name, result.signature)
    call.check()
    _write_classifications(response.result, result)
    return response


def answer_regress(context: GrpcContext, request: Any, call: Caller) -> Steps[Any]:
    spec, response = spec_of(request), RegressionResponse()
    with handle_of(context.manager, spec) as handle:
        examples = examples_of(request.input, call.memory)
        result = yield from regress_steps(handle.servable, spec.signature_name, examples, call.memory)
        write_spec(response.model_spec, handle.servable, spec.name, result.signature)
    call.check()
    _write_regressions(response.result, result)
    return response


def may_hold_images(context: GrpcContext, request: Any) -> bool:
    """Returns whether the examples of a request may hold encoded images, which this server decodes."""
    tasks = getattr(request, "tasks", None)
    if tasks is not None and not tasks:
        return False
    spec = tasks[0].model_spec if tasks else request.model_spec
    try:
        with handle_of(context.manager, spec) as handle:
            return bool(handle.servable.bundle.image_signatures)
    except LightshipError:  # the call itself reports it, after the checks before
        return False


def answer_multi_inference(context: GrpcContext, request: Any, call: Caller) -> Steps[Any]:
    """Runs all tasks on the servable that the first task names. The versions of the other tasks are ignored."""
    specs = [task.model_spec for task in request.tasks] or [MultiInferenceResponse().results.add().model_spec]
    tasks = [Task(task.model_spec.name, task.model_spec.signature_name, task.method_name) for task in request.tasks]
    response = MultiInferenceResponse()
    with handle_of(context.manager, specs[0]) as handle:
        examples = examples_of(request.input, call.memory)
        results = yield from multi_inference_steps(handle.servable, tasks, examples, call.memory)
        call.check()
        for task, result in zip(tasks, results, strict=True):
            one = response.results.add()
            write_spec(one.model_spec, handle.servable, task.model, result.signature)
            if isinstance(result, Classifications):
                _write_classifications(one.classification_result, result)
            else:
                _write_regressions(one.regression_result, result)
    return response


def _write_classifications(message: Any, result: Classifications) -> None:
    """Writes the classes and scores. Invalid UTF-8 in a label is replaced, because the field accepts only UTF-8."""
    message.SetInParent()
    some = result.scores if result.classes is None else result.classes
    assert some is not None
    rows, columns = some.shape
    classes = [[""] * columns] * rows if result.classes is None else result.classes.tolist()
    scores = [[0.0] * columns] * rows if result.scores is None else result.scores.tolist()
    for row in zip(classes, scores, strict=True):
        add = message.classifications.add().classes.add
        for label, score in zip(*row, strict=True):
            add(label=label.decode("utf-8", "replace") if isinstance(label, bytes) else label, score=score)


def _write_regressions(message: Any, result: Regressions) -> None:
    message.SetInParent()
    for value in result.values.tolist():
        message.regressions.add(value=value)
