"""Logs on standard error, either as text for people or as one JSON object per line for machines."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

from lightship.printable import json_line, printable

_PLAIN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def configure_logging(form: Literal["text", "json"], *, worker: int = 0, warnings_only: bool = False) -> None:
    """Sends the log records of `lightship` and its child loggers, from level INFO, to standard error.

    worker: the number of the worker that this process is; 0 for none. warnings_only: from level WARNING only.

    Records of other libraries that no handler takes are printed in the same format, as those of asyncio and grpc.
    """
    formatter = JsonFormatter(worker) if form == "json" else TextFormatter(worker)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(formatter)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger("lightship")
    root.handlers = [handler]
    root.setLevel(logging.WARNING if warnings_only else logging.INFO)
    root.propagate = False


class TextFormatter(logging.Formatter):
    """Formats a record as `2026-11-27T23:15:51.123+00:00 INFO message`; in a worker as `... INFO worker 2: message`.

    The time zone is that of the system (TZ).

    A record is one line, whatever a client put into a name. Only tracebacks have more lines, which are indented.
    """

    def __init__(self, worker: int = 0) -> None:
        super().__init__()
        self._source = f"worker {worker}: " if worker else ""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")
        lines = [printable(f"{time} {record.levelname} {self._source}{record.getMessage()}")]
        if record.exc_info:
            lines.append(_indented(self.formatException(record.exc_info)))
        if record.stack_info:
            lines.append(_indented(self.formatStack(record.stack_info)))
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object.

    Its members are `time` (UTC, as in `2026-11-27T23:15:51.123+00:00`), `level`, `logger`, `message`, the fields given
    as `extra`, and `error` with the traceback if there is one. In a worker, `worker` is its number.
    """

    def __init__(self, worker: int = 0) -> None:
        super().__init__()
        self._source = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self._source,
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN_FIELDS}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json_line(fields)


def _indented(text: str) -> str:
    return "\n".join(f"    {printable(line)}" for line in text.split("\n"))
