"""What a call comes to, and how two of these are compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import Code

RELATIVE, ABSOLUTE = 1e-3, 1e-4

# The HTTP status of a code, as TensorFlow Serving gives it.
HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.OUT_OF_RANGE: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.NOT_FOUND: 404,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.DEADLINE_EXCEEDED: 504,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The outputs: arrays, or, over REST, nested lists."""

    outputs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """status: a canonical code or, over REST, the status of HTTP."""

    status: int
    text: str

    def __str__(self) -> str:
        return f"{self.status}: {self.text[:300]}"


Outcome = Answer | Refusal


def write_outcomes(file: Path, outcomes: list[Outcome]) -> None:
    arrays: dict[str, Any] = {}
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Refusal):
            arrays[f"{index} refusal"] = np.array([str(outcome.status), outcome.text])
        else:
            arrays |= {f"{index} answer {name}": array for name, array in outcome.outputs.items()}
    file.parent.mkdir(exist_ok=True)
    np.savez(file, count=np.int64(len(outcomes)), **arrays)


def read_outcomes(file: Path) -> list[Outcome]:
    with np.load(file, allow_pickle=False) as arrays:
        return [_read_outcome(arrays, index) for index in range(int(arrays["count"]))]


def _read_outcome(arrays: Any, index: int) -> Outcome:
    if f"{index} refusal" in arrays:
        status, text = arrays[f"{index} refusal"].tolist()
        return Refusal(int(status), text)
    start = f"{index} answer "
    return Answer({key.removeprefix(start): arrays[key] for key in arrays.files if key.startswith(start)})


def difference(got: Outcome, expected: Outcome, says: str = "", *, rest: bool) -> str:
    """What is wrong with what came; nothing if it is what TensorFlow says."""
    if isinstance(expected, Refusal):
        return _other_refusal(got, expected, says, rest)
    if isinstance(got, Refusal):
        return f"refused with {got}; TensorFlow answers {_short(expected)}"
    if rest:
        return _other_json(got, expected)
    if got.outputs.keys() != expected.outputs.keys():
        return f"outputs {sorted(got.outputs)}; TensorFlow has {sorted(expected.outputs)}"
    wrong = (_other_array(name, got.outputs[name], array) for name, array in expected.outputs.items())
    return next(filter(None, wrong), "")


def _other_refusal(got: Outcome, expected: Refusal, says: str, rest: bool) -> str:
    if isinstance(got, Answer):
        return f"answered {_short(got)}; TensorFlow refuses with {expected}"
    status = HTTP_STATUS[Code(expected.status)] if rest else expected.status
    if got.status != status:
        return f"refused with {got}; TensorFlow's status is {status}: {expected.text[:200]}"
    if says not in got.text:
        return f"refused with {got}; the text has no {says!r}"
    return ""


def _other_array(name: str, got: NDArray[Any], expected: NDArray[Any]) -> str:
    if got.dtype != expected.dtype:
        return f"{name} is {got.dtype}; TensorFlow has {expected.dtype}"
    if got.shape != expected.shape:
        return f"{name} has the shape {got.shape}; TensorFlow has {expected.shape}"
    if not _equal(got, expected):
        return f"{name} is {_text(got)}; TensorFlow has {_text(expected)}"
    return ""


def _equal(got: NDArray[Any], expected: NDArray[Any]) -> bool:
    if expected.dtype.kind == "f":
        return bool(np.allclose(got, expected, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))
    return bool(np.array_equal(got, expected))


def _other_json(got: Answer, expected: Answer) -> str:
    """JSON has no dtype and, of a single output, no name."""
    values = {name: array.tolist() for name, array in expected.outputs.items()}
    wanted = next(iter(values.values())) if len(values) == 1 else values
    value = next(iter(got.outputs.values())) if len(got.outputs) == 1 else got.outputs
    return "" if _same(value, wanted) else f"JSON is {str(value)[:300]}; TensorFlow has {str(wanted)[:300]}"


def _same(got: Any, expected: Any) -> bool:
    if type(got) is not type(expected):
        return False
    if isinstance(expected, dict):
        return got.keys() == expected.keys() and all(_same(got[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(got) == len(expected) and all(map(_same, got, expected))
    if isinstance(expected, float):
        return _close(got, expected)
    return bool(got == expected)


def _close(got: float, expected: float) -> bool:
    if math.isnan(expected) or math.isinf(expected):
        return got == expected or (math.isnan(got) and math.isnan(expected))
    return abs(got - expected) <= ABSOLUTE + RELATIVE * abs(expected)


def _short(answer: Answer) -> str:
    return ", ".join(f"{name} = {_text(value)}" for name, value in answer.outputs.items())


def _text(value: Any) -> str:
    return np.array2string(np.asarray(value), threshold=12).replace("\n", "")[:300]
