"""Makes the calls in a version's warm-up file, which were logged earlier, before the version answers clients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from lightship import protos
from lightship.bundle.manifest import WARM_UP_FILE
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, Unimplemented
from lightship.lifecycle.servable import Servable
from lightship.repeated import log_level
from lightship.saved_model.tfrecord import read_records

logger = logging.getLogger(__name__)

MAX_RECORDS = 1000

_SHOWN = 200  # characters of an invalid record in the error message
_UNSUPPORTED = {"session_run_log": 5, "predict_streamed_log": 7}

WarmUpCall = Callable[[Servable, Any], None]  # makes the call that one `PredictionLog` describes


def replay(servable: Servable, call: WarmUpCall, iterations: int = 1) -> int:
    """Makes each call of the version's warm-up file, if it has one. Returns the number of records.

    A call that no installed engine can run is skipped with a warning, because the version can answer other calls.
    Raises the errors of any other call, and, with TensorFlow Serving's messages, DataLoss for a file that is not a
    TFRecord file, InvalidArgument for an invalid record or more than `MAX_RECORDS`, and Unimplemented for an
    unsupported kind.
    """
    path = servable.bundle.path / WARM_UP_FILE
    if not path.is_file():
        return 0
    count = 0
    for record in _records(path):
        _call(servable, call, _parsed(record, path), max(1, iterations))
        count += 1
        if count > MAX_RECORDS:
            raise InvalidArgument(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}")
    return count


def _records(path: Path) -> Iterator[bytes]:
    try:
        yield from read_records(path)
    except DataLoss as error:
        raise DataLoss(f"{error.message}. Please verify your warmup data is in TFRecord format.") from error


def _parsed(record: bytes, path: Path) -> Any:
    try:
        return protos.PredictionLog.FromString(record)
    except DecodeError as error:
        text = record.decode("utf-8", "replace")
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
        raise InvalidArgument(f"Failed to parse warmup record: {shown} from {path}") from error


def _call(servable: Servable, call: WarmUpCall, log: Any, iterations: int) -> None:
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind in _UNSUPPORTED:
        raise Unimplemented(f"Unsupported log_type for warmup: {_UNSUPPORTED[kind]}")
    try:
        for _ in range(iterations):
            call(servable, log)
    except FailedPrecondition as error:
        fields = {"model": servable.id.name, "version": servable.id.version}
        level = log_level(logging.WARNING)
        logger.log(level, "a warm-up call of %s was skipped: %s", servable.id, error.message, extra=fields)
