"""Collects the records of requests, and writes their lines when the requests have been answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lightship.transports.access_log.lines import Lines, LogFormat
from lightship.transports.access_log.log_file import LogFile
from lightship.transports.access_log.record import AccessRecord
from lightship.transports.access_log.request_ids import RequestIds
from lightship.transports.periodic import PeriodicCalls

_TOGETHER = 128  # records that are formatted at once; that takes the event loop about a quarter of a millisecond
_MAX_UNSENT = 128 << 10  # bytes of lines after which the thread is woken
_SECONDS = 0.5  # after which the first of the lines is handed to the thread


class AccessLog:
    """The access log of a process. Its methods must be called on the event loop, except for `reopen` and `close`.

    A record costs the request nearly nothing. Lines are formatted in groups, between the turns of the event loop, and
    a thread writes them.
    """

    def __init__(self, form: LogFormat, path: Path | None = None, *, shared: bool = False) -> None:
        """path: the file; None for standard output. shared: other processes write into it too.

        Raises InvalidArgument if it cannot be opened."""
        self._lines = Lines(form)
        self._file = LogFile(path, self._lines.dropped, shared=shared)
        self.ids = RequestIds()
        self._records: list[AccessRecord] = []
        self._unsent: list[bytes] = []
        self._unsent_bytes = self._unsent_lines = 0
        self._due = False
        self._calls = PeriodicCalls("writing the access log")

    def add(self, record: AccessRecord) -> None:
        """Takes the complete record of a request that has ended."""
        records = self._records
        records.append(record)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(_SECONDS, self._calls.call, self._flush)
        elif len(records) == _TOGETHER:
            asyncio.get_running_loop().call_soon(self._calls.call, self._format)

    def reopen(self) -> None:
        """Opens the file anew, after it was renamed. May be called on any thread."""
        self._file.reopen()

    def close(self) -> None:
        """Writes what is left and ends. The event loop must have ended."""
        self._flush()
        self._file.close()

    def _format(self) -> None:
        records, self._records = self._records, []
        if not records:
            return
        lines = self._lines.format(records)
        self._unsent.append(lines)
        self._unsent_bytes += len(lines)
        self._unsent_lines += len(records)
        if self._unsent_bytes >= _MAX_UNSENT:
            self._send()

    def _flush(self) -> None:
        self._due = False
        self._format()
        if self._unsent:
            self._send()

    def _send(self) -> None:
        self._file.put(b"".join(self._unsent), self._unsent_lines)
        self._unsent.clear()
        self._unsent_bytes = self._unsent_lines = 0
