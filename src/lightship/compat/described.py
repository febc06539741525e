"""The contents of the official packages' generated modules, from the descriptors in the private pool."""

from __future__ import annotations

from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from lightship.protos import POOL, message

__all__ = ["enumeration", "file", "message", "service"]


def file(name: str) -> FileDescriptor:
    """The descriptor of a .proto file, such as `tensorflow_serving/apis/predict.proto`."""
    return POOL.FindFileByName(name)


def enumeration(full_name: str) -> EnumTypeWrapper:
    """An enumeration as in generated modules, with `Name`, `Value`, `items`, and its values as attributes."""
    return EnumTypeWrapper(POOL.FindEnumTypeByName(full_name))


def service(full_name: str) -> ServiceDescriptor:
    """The descriptor of a service and its methods."""
    return POOL.FindServiceByName(full_name)
