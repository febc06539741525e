"""Runs the same inputs on both sides and compares the outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle
from lightship.bundle.explain_spec import MAP, PUBLIC_SIGNATURES
from lightship.cli.verification.results import SignatureResult, Verdict, Verification
from lightship.cli.verification.samples import Samples, SampleSet
from lightship.cli.verification.sides import ServingSide, Side, plain
from lightship.engines.comparison import ATOL, RTOL, Comparison, compare
from lightship.errors import InvalidArgument, LightshipError
from lightship.saved_model.signatures import INIT_SIGNATURE, Signature
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The allowed differences. None means the default of `engines.comparison`."""

    rtol: float | None = None
    atol: float | None = None

    @property
    def shown_rtol(self) -> float:
        return RTOL if self.rtol is None else self.rtol

    @property
    def shown_atol(self) -> float:
        return ATOL if self.atol is None else self.atol


def verify_signatures(
    bundle: Bundle, serving: ServingSide, reference: Side, samples: Samples, tolerance: Tolerance, only: str | None
) -> Verification:
    """Compares each signature, or the one named `only`. Raises InvalidArgument if that does not exist."""
    known = {name: one for name, one in bundle.saved_model.signatures.items() if name != INIT_SIGNATURE}
    if only is not None and only not in known:
        raise InvalidArgument(f"{bundle.path} has no signature {only!r}; it has {', '.join(known) or 'none'}")
    wanted = known.values() if only is None else [known[only]]
    return Verification(tuple(_Comparer(bundle, serving, reference, tolerance).verify(one, samples) for one in wanted))


class _Comparer:
    def __init__(self, bundle: Bundle, serving: ServingSide, reference: Side, tolerance: Tolerance) -> None:
        self._bundle, self._serving, self._reference, self._tolerance = bundle, serving, reference, tolerance

    def verify(self, signature: Signature, samples: Samples) -> SignatureResult:
        engine = self._serving.engine_of(signature.name)
        if signature.name in self._bundle.saved_model.changes.writers:
            problem = "a request changes the model's variables, so the same inputs give other outputs each time"
            return SignatureResult(signature.name, engine, "-", Verdict.NOT_COMPARED, detail=problem)
        for sample_set in samples.sample_sets(signature):
            result = self._verify_with(signature, engine, sample_set)
            if result.verdict is not Verdict.NOT_COMPARED:
                break
        return result

    def _verify_with(self, signature: Signature, engine: str, sample_set: SampleSet) -> SignatureResult:
        name, label = signature.name, sample_set.label
        found, problem = _Findings(self._ranks(signature)), sample_set.problem
        for call in sample_set.inputs:
            expected = self._ask(self._reference, signature, call.inputs)
            answer = self._ask(self._serving, signature, call.inputs)
            if isinstance(expected, LightshipError) and isinstance(answer, LightshipError):
                problem = f"both refuse inputs: {expected.message}"
            elif isinstance(expected, LightshipError):
                found.refused(f"{self._reference.name} refuses inputs that the engine accepts: {expected.message}")
            elif isinstance(answer, LightshipError):
                found.refused(f"the engine refuses inputs that {self._reference.name} accepts: {answer.message}")
            else:
                one = self._compare(signature, expected, answer)
                if one.difference is not None and self._is_nondeterministic(signature, call.inputs, expected):
                    problem = f"{self._reference.name} gives other outputs for the same inputs each time"
                    break
                found.compared(one, expected, answer, call.rows)
        return found.result(name, engine, label, problem)

    def _compare(self, signature: Signature, expected: Arrays, answer: Arrays) -> Comparison:
        types = {name: spec.dtype for name, spec in signature.outputs.items()}
        explain = self._bundle.explain
        explains = explain is not None and signature.name in (*PUBLIC_SIGNATURES, *explain.methods.values())
        scaled = (MAP,) if explains else ()
        return compare(expected, answer, self._tolerance.rtol, self._tolerance.atol, types, scaled)

    def _ask(self, side: Side, signature: Signature, inputs: Arrays) -> Arrays | LightshipError:
        try:
            outputs = plain(side.answer(signature, inputs))
        except side.unavailable_errors:
            raise
        except LightshipError as error:
            return error
        labels = self._bundle.labels
        if labels is not None and signature.name in self._bundle.image_signatures:
            return _unranked(signature, outputs, labels)
        return outputs

    def _is_nondeterministic(self, signature: Signature, inputs: Arrays, expected: Arrays) -> bool:
        again = self._ask(self._reference, signature, inputs)
        if isinstance(again, LightshipError):
            return True
        return self._compare(signature, expected, again).difference is not None

    def _ranks(self, signature: Signature) -> int:
        """Returns the number of classes in a row of scores, or 0 if the outputs are not known to be scores."""
        return len(self._bundle.labels or ()) if len(signature.inputs) == 1 else 0


class _Findings:
    """Collects the differences that the requests of one signature showed."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._absolute: float | None = None
        self._relative: float | None = None
        self._difference = ""
        self._alike = self._ranked = self._rows = 0

    def refused(self, problem: str) -> None:
        self._difference = self._difference or problem

    def compared(self, one: Comparison, expected: Arrays, answer: Arrays, rows: int) -> None:
        """Adds one comparison. rows: the number of rows that are new."""
        self._rows += rows
        self._absolute = max(self._absolute or 0.0, one.absolute)
        self._relative = max(self._relative or 0.0, one.relative)
        self._difference = self._difference or (one.difference or "")
        for name in expected.keys() & answer.keys() if rows else ():
            if _are_scores(expected[name], self._classes) and _are_scores(answer[name], self._classes):
                same = expected[name].argmax(1) == answer[name].argmax(1)
                self._alike, self._ranked = self._alike + int(same.sum()), self._ranked + len(same)

    def result(self, signature: str, engine: str, label: str, problem: str) -> SignatureResult:
        """Returns the result for one signature.

        engine: the engine that ran it. label: where the inputs came from, such as "golden sample". problem: why some
        rows were not compared; empty if all were.
        """
        if self._difference:
            detail, verdict = self._difference, Verdict.DIFFERENT
            if self._ranked:
                detail += f"; the best label is the same for {self._alike} of {self._ranked}"
        elif problem or not self._rows:
            return SignatureResult(
                signature, engine, label, Verdict.NOT_COMPARED, detail=problem or "there are no rows"
            )
        else:
            detail, verdict = "", Verdict.EQUAL
        return SignatureResult(signature, engine, label, verdict, self._rows, self._absolute, self._relative, detail)


def _are_scores(array: NDArray[Any], classes: int) -> bool:
    return bool(classes) and array.ndim == 2 and array.shape[1] == classes and array.dtype.kind == "f"


def _unranked(signature: Signature, outputs: Arrays, order: Sequence[str]) -> Arrays:
    """Returns the scores of an image signature in the order of the labels.

    Rankings cannot be compared directly, because nearly equal scores may change places.
    """
    kinds = {spec.dtype is DataType.DT_STRING: name for name, spec in signature.outputs.items()}
    labels, scores = (outputs.get(kinds.get(kind, "")) for kind in (True, False))
    if labels is None or scores is None or labels.shape != scores.shape or scores.ndim != 2:
        return outputs
    rows = [dict(zip(map(_text, row), values, strict=True)) for row, values in zip(labels, scores, strict=True)]
    table = [[row.get(label, np.nan) for label in order] for row in rows]
    return {kinds[False]: np.array(table, scores.dtype).reshape(len(rows), len(order))}


def _text(label: Any) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
