"""Reads the parameters of TensorFlow Serving's batching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightship import protos
from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.batching.tensorflow_serving.parameters import threads_error
from lightship.errors import InvalidArgument
from lightship.server.config.files import read_config_file

PER_MODEL_FILE = "batching_params.pbtxt"

# TensorFlow Serving's name of the threads where there is no file of parameters.
WITHOUT_FILE = BatchingParameters(thread_pool_name="model_server_batch_threads")

_NUMBERS = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "max_execution_batch_size")


def read_batching_parameters(path: str) -> BatchingParameters:
    """Reads a file with BatchingParameters in text format.

    Raises the errors of `read_config_file`, and InvalidArgument for invalid parameters.
    """
    return _parameters(read_config_file(path, protos.BatchingParameters))


def version_parameters(folder: Path) -> BatchingParameters | None:
    """Reads the parameters in a version folder, or returns None if it has none.

    Raises the errors of `read_batching_parameters`.
    """
    file = folder / PER_MODEL_FILE
    return read_batching_parameters(str(file)) if file.exists() else None


def check_version_batching(folder: Path) -> None:
    """Checks the parameters in a version folder if it has any. Raises the errors of `read_batching_parameters`."""
    version_parameters(folder)


def _parameters(message: Any) -> BatchingParameters:
    """Returns the parameters of a message; those that are not set have their defaults."""
    values: dict[str, Any] = {name: getattr(message, name).value for name in _NUMBERS if message.HasField(name)}
    if message.HasField("num_batch_threads"):
        values["num_batch_threads"] = _threads(message.num_batch_threads.value)
    if message.HasField("thread_pool_name"):
        values["thread_pool_name"] = message.thread_pool_name.value
    if message.HasField("max_execution_batch_size"):
        _check_execution_size(message)
    return BatchingParameters(
        **values,
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        enable_large_batch_splitting=message.enable_large_batch_splitting.value,
    )


def _threads(number: int) -> int:
    if number < 1:  # in Python 0 means one for each processor, but in a file it is an error
        raise threads_error(number)
    return number


def _check_execution_size(message: Any) -> None:
    size = message.max_execution_batch_size.value
    if size < 1 and message.enable_large_batch_splitting.value:
        raise InvalidArgument(f"max_execution_batch_size must be positive; was {size}")
