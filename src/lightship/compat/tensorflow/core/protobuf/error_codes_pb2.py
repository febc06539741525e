"""`tensorflow.core.protobuf.error_codes_pb2`: the canonical codes."""

from typing import Any

from lightship.compat.described import enumeration, file

DESCRIPTOR = file("tensorflow/core/protobuf/error_codes.proto")
Code: Any = enumeration("tensorflow.error.Code")
OK: int = Code.Value("OK")
CANCELLED: int = Code.Value("CANCELLED")
UNKNOWN: int = Code.Value("UNKNOWN")
INVALID_ARGUMENT: int = Code.Value("INVALID_ARGUMENT")
DEADLINE_EXCEEDED: int = Code.Value("DEADLINE_EXCEEDED")
NOT_FOUND: int = Code.Value("NOT_FOUND")
ALREADY_EXISTS: int = Code.Value("ALREADY_EXISTS")
PERMISSION_DENIED: int = Code.Value("PERMISSION_DENIED")
RESOURCE_EXHAUSTED: int = Code.Value("RESOURCE_EXHAUSTED")
FAILED_PRECONDITION: int = Code.Value("FAILED_PRECONDITION")
ABORTED: int = Code.Value("ABORTED")
OUT_OF_RANGE: int = Code.Value("OUT_OF_RANGE")
UNIMPLEMENTED: int = Code.Value("UNIMPLEMENTED")
INTERNAL: int = Code.Value("INTERNAL")
UNAVAILABLE: int = Code.Value("UNAVAILABLE")
DATA_LOSS: int = Code.Value("DATA_LOSS")
UNAUTHENTICATED: int = Code.Value("UNAUTHENTICATED")
