"""Loads the descriptors that the build compiled from the .proto files."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def _load() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    described = descriptor_pb2.FileDescriptorSet.FromString(
        files(__package__).joinpath("descriptors.binpb").read_bytes()
    )
    for file in described.file:  # protoc writes a file after those that it imports
        pool.Add(file)
    return pool


POOL = _load()


def message(full_name: str) -> Any:
    """Returns the class of a message, such as `tensorflow.serving.PredictRequest`. Type checkers see it as `Any`."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(full_name))
