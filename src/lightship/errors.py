"""The exceptions of Lightship, each with its canonical code. Only transports and clients convert these codes.

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

from collections.abc import Collection
from enum import IntEnum
from typing import ClassVar, NamedTuple, Self


class Code(IntEnum):
    """The canonical status codes, as in gRPC."""

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

    __hash__ = int.__hash__  # faster than Enum's, which is written in Python; every request looks codes up


class MissingModel(NamedTuple):
    """The model that a request asked for, or its version or label, which nothing answers for."""

    name: str
    version: int | None = None
    label: str | None = None


class MissingName(NamedTuple):
    """Another name in a request, which its model does not have."""

    # What it should be the name of, such as "signature".
    kind: str
    name: str
    # The names that there are.
    known: Collection[str]


class WrongDtype(NamedTuple):
    """An input whose dtype is another than its signature takes, both by TensorFlow's names."""

    name: str
    expected: str
    given: str


class WrongShapes(NamedTuple):
    """Inputs whose shapes are others than their signature declares, which the text of the error does not say."""

    # Says which inputs, and which shapes.
    text: str


Fault = MissingModel | MissingName | WrongDtype | WrongShapes


class LightshipError(Exception):
    """The base class. `message` says what was wrong, with the value, and what to do."""

    code: ClassVar[Code] = Code.UNKNOWN
    # What is wrong with the request, for errors whose text is fixed; None if the text says it all.
    fault: Fault | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def reword(self, message: str) -> None:
        """Replaces the message."""
        self.message, self.args = message, (message,)

    def about(self, fault: Fault) -> Self:
        """Notes what is wrong with the request, and returns the error."""
        self.fault = fault
        return self


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
    """A request body or an image is larger than its limit."""


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
    """The server cannot answer now. `retry_after` is the number of seconds after which a client may try again."""

    code = Code.UNAVAILABLE

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DataLoss(LightshipError):
    code = Code.DATA_LOSS


class Unauthenticated(LightshipError):
    code = Code.UNAUTHENTICATED


_BY_CODE: dict[Code, type[LightshipError]] = {cls.code: cls for cls in LightshipError.__subclasses__()}


def error_of(code: Code, message: str) -> LightshipError:
    """A new exception for a canonical code, such as one in a response; Unknown for a code that has no exception."""
    return _BY_CODE.get(code, Unknown)(message)
