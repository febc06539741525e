"""Checks batching parameters for errors.

Lightship runs every request by itself, so the parameters have no other effect.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightship import protos
from lightship.errors import InvalidArgument
from lightship.server.config.files import read_config_file

PER_MODEL_FILE = "batching_params.pbtxt"

_MAX_BATCH_SIZE = 1000


def check_batching_file(path: str) -> None:
    """Checks a file of batching parameters.

    Raises the errors of `read_config_file`, and InvalidArgument for invalid parameters.
    """
    _check(read_config_file(path, protos.BatchingParameters))


def check_version_batching(folder: Path) -> None:
    """Checks the batching file of a version folder if it has one. Raises the errors of `check_batching_file`."""
    file = folder / PER_MODEL_FILE
    if file.exists():
        check_batching_file(str(file))


def _check(parameters: Any) -> None:
    if parameters.HasField("num_batch_threads") and parameters.num_batch_threads.value < 1:
        raise InvalidArgument(f"num_batch_threads must be positive; was {parameters.num_batch_threads.value}")
    largest = parameters.max_batch_size.value if parameters.HasField("max_batch_size") else _MAX_BATCH_SIZE
    if largest < 1:
        raise InvalidArgument(f"input_batch_size_limit must be positive; was {largest}")
    if parameters.batch_timeout_micros.value < 0:
        raise InvalidArgument(f"batch_timeout_micros must be non-negative; was {parameters.batch_timeout_micros.value}")
    sizes = parameters.allowed_batch_sizes
    if sizes and sizes[-1] != largest:
        raise InvalidArgument(
            "Last entry in allowed_batch_sizes must match max_batch_size; "
            f"last entry was {sizes[-1]}; expected {largest}"
        )
