"""Collects the lines of requests that have ended, and hands them to the thread that writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from lightship.transports.access_log.lines import Entry, Lines, LogFormat
from lightship.transports.access_log.log_file import LogFile
from lightship.transports.access_log.record import AccessRecord, JoinedRecord
from lightship.transports.periodic import PeriodicCalls

_TOGETHER = 64  # entries that are formatted at once; most are one request, some are those of a turn of the event loop
_MAX_UNSENT = 128 << 10  # bytes of lines after which the thread is woken
_SECONDS = 0.5  # after which the first of the lines is handed to the thread


class AccessLog:
    """The access log of a process. Its methods must be called on the event loop, except for `reopen` and `close`.

    While requests are answered, as little as possible is done for the log. Lines are formatted in groups, between the
    turns of the event loop, and a thread writes them.
    """

    def __init__(self, form: LogFormat, path: Path | None = None, *, shared: bool = False) -> None:
        """path: the file; None for standard output. shared: other processes write into it too.

        Raises InvalidArgument if it cannot be opened."""
        self._lines = Lines(form)
        # The part of a line with a client's address, by the address.
        self.clients: Mapping[str, bytes] = self._lines.clients
        self._file = LogFile(path, self._lines.dropped, shared=shared)
        self._entries: list[Entry | JoinedRecord] = []
        self.joined: list[JoinedRecord] = []  # those of this turn; `end_turn` need not be called if there are none
        self._unsent: list[bytes] = []
        self._unsent_bytes = self._unsent_lines = 0
        self._due = False
        self._calls = PeriodicCalls("writing the access log")

    def add(self, record: AccessRecord) -> None:
        """Takes the complete record of a request that has ended."""
        what = (record.method, record.path, record.model, record.version, record.status)
        client = self.clients[record.client]
        own = (client, record.begun, record.received, record.bytes_in, record.bytes_out, record.id)
        self.add_entry((what, record.ended, *record.stages(), own))

    def add_entry(self, entry: Entry | JoinedRecord) -> None:
        """Takes what a complete record tells."""
        entries = self._entries
        entries.append(entry)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(_SECONDS, self._calls.call, self._flush)
        elif len(entries) == _TOGETHER:
            asyncio.get_running_loop().call_soon(self._calls.call, self._format)

    def add_joined(self, joined: JoinedRecord) -> None:
        """Takes the record of requests that end in this turn of the event loop. Members may still be added to it."""
        self.joined.append(joined)

    def end_turn(self) -> None:
        """Ends the requests that were answered together in this turn of the event loop."""
        if self.joined:
            joined, self.joined, ended = self.joined, [], monotonic()
            for one in joined:
                one.ended = ended
                self.add_entry(one)

    def reopen(self) -> None:
        """Opens the file anew, after it was renamed. May be called on any thread."""
        self._file.reopen()

    def close(self) -> None:
        """Writes what is left and ends. The event loop must have ended."""
        self._due = True  # there is no event loop any more
        self._entries += self.joined
        self._flush()
        self._file.close()

    def _format(self) -> None:
        entries, self._entries = self._entries, []
        for one in entries:
            if isinstance(one, JoinedRecord):
                self._take(self._lines.joined_lines(one), len(one.members))
            else:
                self._take(self._lines.line(*one), 1)

    def _take(self, lines: bytes, number: int) -> None:
        self._unsent.append(lines)
        self._unsent_bytes += len(lines)
        self._unsent_lines += number
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
