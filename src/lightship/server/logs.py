"""Logs on standard error, either as text for people or as one JSON object per line for machines."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Literal

import orjson

_PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure_logging(form: Literal["text", "json"]) -> None:
    """Sends the log records of `lightship` and its child loggers, from level INFO, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger("lightship")
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    root.propagate = False


class TextFormatter(logging.Formatter):
    """Formats a record as `12:34:56 INFO message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object.

    Its members are `time` (UTC), `level`, `logger`, `message`, the fields given as `extra`, and `error` with the
    traceback if there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN_FIELDS}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return orjson.dumps(fields, default=str).decode()
