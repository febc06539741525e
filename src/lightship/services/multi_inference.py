"""Multi-inference: runs several classifications and regressions on the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightship.batching import Steps, complete
from lightship.errors import InvalidArgument, Unimplemented
from lightship.lifecycle.servable import Servable
from lightship.memory_budget import NOT_COUNTED, Reservation
from lightship.saved_model.signatures import CLASSIFY_METHOD, DEFAULT_SIGNATURE, REGRESS_METHOD, Signature
from lightship.services.classify import (
    Classifications,
    check_classification,
    default_classification,
    run_classification,
)
from lightship.services.regress import Regressions, check_regression, run_regression
from lightship.services.timed_steps import timed


@dataclass(frozen=True, slots=True)
class Task:
    """One classification or regression."""

    # The name of the model in the request.
    model: str
    signature_name: str
    # tensorflow/serving/classify or tensorflow/serving/regress.
    method_name: str


_CHECKS = {CLASSIFY_METHOD: check_classification, REGRESS_METHOD: check_regression}


def multi_inference(
    servable: Servable, tasks: Sequence[Task], examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> list[Classifications | Regressions]:
    """Returns the result of each task for serialized examples. Checks all tasks before it runs the first.

    Raises the errors of `classify` and `regress`, InvalidArgument if there are no tasks (TensorFlow Serving's text for
    this speaks of a ModelSpec) or if they name several models or one signature twice, and Unimplemented for another
    method.
    """
    return complete(multi_inference_steps(servable, tasks, examples, memory))


def multi_inference_steps(
    servable: Servable, tasks: Sequence[Task], examples: Sequence[bytes], memory: Reservation = NOT_COUNTED
) -> Steps[list[Classifications | Regressions]]:
    """Does what `multi_inference` does, in steps."""
    if servable.observer is not None and examples:
        servable.observer.examples_came(len(examples))
    return timed(servable, "MultiInference", _steps(servable, tasks, examples, memory))


def _steps(
    servable: Servable, tasks: Sequence[Task], examples: Sequence[bytes], memory: Reservation
) -> Steps[list[Classifications | Regressions]]:
    if not tasks:
        raise InvalidArgument("ModelSpec has no name specified.")
    signatures: dict[str, Signature] = {}
    for task in tasks:
        signature = _signature(servable, task, tasks[0].model, signatures)
        signatures[signature.name] = signature
    results = []
    for task, signature in zip(tasks, signatures.values(), strict=True):
        results.append((yield from _run(servable, task, signature, examples, memory)))
    return results


def _signature(servable: Servable, task: Task, model: str, used: dict[str, Signature]) -> Signature:
    """Returns the signature of a task after checking it."""
    if not task.model:
        raise InvalidArgument("Found ModelSpec with an empty model name.")
    if task.model != model:
        raise InvalidArgument("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
    name = task.signature_name or _default(servable, task)
    if name in used:
        raise InvalidArgument(f"Duplicate evaluation of signature: {name}")
    signature = servable.signature(name)
    if signature is None:
        error = InvalidArgument(f"Requested signature not found in model graph: {name}")
        raise error.about(servable.missing_signature(name))
    check = _CHECKS.get(task.method_name)
    if check is None:
        raise Unimplemented(f"Unsupported signature method_name: {task.method_name}")
    check(servable, signature)
    return signature


def _default(servable: Servable, task: Task) -> str:
    return default_classification(servable) if task.method_name == CLASSIFY_METHOD else DEFAULT_SIGNATURE


def _run(
    servable: Servable, task: Task, signature: Signature, examples: Sequence[bytes], memory: Reservation
) -> Steps[Classifications | Regressions]:
    if task.method_name == CLASSIFY_METHOD:
        return (yield from run_classification(servable, signature, examples, memory))
    return (yield from run_regression(servable, signature, examples, memory))
