"""Tells whether an answer is right: whether it says the same as the first answer to the same request."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from lightship import protos
from lightship.errors import LightshipError
from lightship.tensors.tensor_proto import array_of

# Answers of one model differ in their last digits, for example where calls are joined.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5
_MAX_KNOWN = 32  # texts of right answers to a request that are remembered
_SAMPLE = 16  # of the answers beyond these, one in so many is read


class AnswerCheck:
    """Compares answers with the expected ones. An answer that came before is recognised by its bytes."""

    def __init__(self, expected: Sequence[bytes]) -> None:
        """expected: for each request the body of a right answer; none if answers cannot be compared."""
        self._expected = [read_answer(body) for body in expected]
        self._known: list[set[bytes]] = [{body} for body in expected]
        self._others = 0

    def right(self, number: int, body: bytes) -> bool:
        """Returns whether the answer to a request is right."""
        if not self._expected:
            return bool(body)
        known = self._known[number]
        if body in known:
            return True
        if len(known) >= _MAX_KNOWN:
            self._others += 1
            if self._others % _SAMPLE:
                return bool(body)
        if not same(read_answer(body), self._expected[number]):
            return False
        if len(known) < _MAX_KNOWN:
            known.add(body)
        return True


def read_answer(body: bytes) -> Any:
    """Returns what an answer says: lists and dicts, or arrays by name. None if it cannot be read."""
    if body[:1] in (b"{", b"["):
        try:
            return orjson.loads(body.replace(b"NaN", b"null").replace(b"Infinity", b"1e999"))
        except ValueError:
            return None
    if body[:2] == b"PK":
        try:
            with np.load(io.BytesIO(body), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile):
            return None
    return _message(body)


def _message(body: bytes) -> Any:
    length = int.from_bytes(body[1:5], "big")
    if body[:1] != b"\0" or len(body) != length + 5:
        return None
    try:
        answer = protos.PredictResponse.FromString(body[5:])
        found = {name: array_of(tensor) for name, tensor in answer.outputs.items()}
    except (LightshipError, ValueError):
        return None
    except Exception as error:
        if type(error).__name__ == "DecodeError":  # protobuf's, which has no common base
            return None
        raise
    return found or None


def same(answer: Any, expected: Any) -> bool:
    """Returns whether two answers say the same, but for the last digits of their numbers."""
    if isinstance(expected, dict):
        return (
            isinstance(answer, dict)
            and answer.keys() == expected.keys()
            and all(same(answer[name], expected[name]) for name in expected)
        )
    if isinstance(expected, np.ndarray):
        return _same_arrays(answer, expected)
    if isinstance(expected, list):
        return (
            isinstance(answer, list)
            and len(answer) == len(expected)
            and all(same(one, other) for one, other in zip(answer, expected, strict=True))
        )
    if isinstance(expected, float | int) and not isinstance(expected, bool):
        close = isinstance(answer, float | int) and math.isclose(answer, expected, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
        return close or (expected != expected and answer != answer)
    return expected is not None and bool(answer == expected) or (expected is None and answer is None)


def _same_arrays(answer: Any, expected: np.ndarray[Any, Any]) -> bool:
    if not isinstance(answer, np.ndarray) or answer.shape != expected.shape or answer.dtype != expected.dtype:
        return False
    if expected.dtype.kind not in "fc":
        return bool(np.array_equal(answer, expected))
    return bool(np.allclose(answer, expected, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))
