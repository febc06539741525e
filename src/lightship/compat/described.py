"""What the generated modules of the official packages hold, from the descriptions of the private pool."""

from __future__ import annotations

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from lightship.protos import POOL, message

__all__ = ["enumeration", "file", "message", "service"]


def file(name: str) -> FileDescriptor:
    """The description of a .proto file, such as `tensorflow_serving/apis/predict.proto`."""
    return POOL.FindFileByName(name)


def enumeration(full_name: str) -> EnumTypeWrapper:
    """An enumeration as generated modules hold it, with `Name`, `Value`, `items` and its values as attributes."""
    return EnumTypeWrapper(POOL.FindEnumTypeByName(full_name))


def service(full_name: str) -> ServiceDescriptor:
    """The description of a service and its methods."""
    return POOL.FindServiceByName(full_name)
