"""One tree of errors, each with its canonical code; the transports map the code, nothing else does.

    LightshipError
    ├── Cancelled              ├── AlreadyExists        ├── OutOfRange
    ├── Unknown                ├── PermissionDenied     ├── Unimplemented
    ├── InvalidArgument        ├── ResourceExhausted    ├── Internal
    ├── DeadlineExceeded       │   └── TooLarge         ├── Unavailable
    ├── NotFound               ├── FailedPrecondition   ├── DataLoss
    └── Unauthenticated        └── Aborted

The codes are those of gRPC and of `tensorflow.error.Code`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Code(IntEnum):
    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    __hash__ = int.__hash__  # enum's own is Python, and every request looks codes up


class LightshipError(Exception):
    """The root. `message` says what was wrong, with which value, and what to do."""

    code: ClassVar[Code] = Code.UNKNOWN

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Cancelled(LightshipError):
    code = Code.CANCELLED


class Unknown(LightshipError):
    code = Code.UNKNOWN


class InvalidArgument(LightshipError):
    code = Code.INVALID_ARGUMENT


class DeadlineExceeded(LightshipError):
    code = Code.DEADLINE_EXCEEDED


class NotFound(LightshipError):
    code = Code.NOT_FOUND


class AlreadyExists(LightshipError):
    code = Code.ALREADY_EXISTS


class PermissionDenied(LightshipError):
    code = Code.PERMISSION_DENIED


class ResourceExhausted(LightshipError):
    code = Code.RESOURCE_EXHAUSTED


class TooLarge(ResourceExhausted):
    """A body or an image beyond the limit that was set for it."""


class FailedPrecondition(LightshipError):
    code = Code.FAILED_PRECONDITION


class Aborted(LightshipError):
    code = Code.ABORTED


class OutOfRange(LightshipError):
    code = Code.OUT_OF_RANGE


class Unimplemented(LightshipError):
    code = Code.UNIMPLEMENTED


class Internal(LightshipError):
    code = Code.INTERNAL


class Unavailable(LightshipError):
    code = Code.UNAVAILABLE


class DataLoss(LightshipError):
    code = Code.DATA_LOSS


class Unauthenticated(LightshipError):
    code = Code.UNAUTHENTICATED


_BY_CODE: dict[Code, type[LightshipError]] = {cls.code: cls for cls in LightshipError.__subclasses__()}


def error_of(code: Code, message: str) -> LightshipError:
    """The error of a canonical code, as a client rebuilds it from an answer."""
    return _BY_CODE.get(code, Unknown)(message)
