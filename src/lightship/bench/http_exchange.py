"""HTTP/1.1 requests that were prepared as bytes, one after the other on a connection."""

from __future__ import annotations

from collections.abc import Sequence

import httptools

from lightship.bench.answers import AnswerCheck
from lightship.bench.exchange import WRONG_ANSWER, InvalidResponse

_MAX_KNOWN = 64  # whole responses that are recognised without parsing them
_MAX_KNOWN_SIZE = 1 << 16


class KnownResponses:
    """Whole responses that were parsed and checked before. Most servers send the same bytes again and again."""

    __slots__ = ("good",)

    def __init__(self, requests: int) -> None:
        self.good: list[set[bytes]] = [set() for _ in range(requests)]

    def add(self, number: int, response: bytes) -> None:
        known = self.good[number]
        if len(response) <= _MAX_KNOWN_SIZE:
            if len(known) >= _MAX_KNOWN:  # such as one for each second, by the header Date
                known.clear()
            known.add(response)


class HttpExchange:
    """One connection's requests and responses. See `Exchange`."""

    def __init__(self, requests: Sequence[bytes], check: AnswerCheck, known: KnownResponses) -> None:
        self._requests, self._check, self._known = requests, check, known
        self.ready, self.done, self.reusable = True, True, True
        self.error, self.body = "", b""
        self._number, self._first, self._has_length = 0, True, False
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    @property
    def reason(self) -> bytes:
        return self.body

    def opening(self) -> bytes:
        return b""

    def begin(self, number: int) -> bytes:
        self.done, self.error = False, ""
        self._number, self._first, self._has_length = number, True, False
        self._parts.clear()
        return self._requests[number]

    def receive(self, data: bytes) -> bytes:
        if self._first and data in self._known.good[self._number]:
            self.done = True
            return b""
        if self.done:
            raise InvalidResponse("bytes that no request asked for")
        whole, self._first = self._first, False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise InvalidResponse("an upgrade to another protocol") from None
        except httptools.HttpParserError as error:
            raise InvalidResponse(str(error)) from error
        if whole and self.done and not self.error and self.reusable:
            self._known.add(self._number, data)
        return b""

    def end(self) -> None:
        if not self.done and self._parts and not self._has_length:  # such a response ends with the connection
            self.reusable = False
            self.on_message_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 100 Continue and the like
            return
        self.done, self.body = True, b"".join(self._parts)
        self.reusable = self.reusable and self._parser.should_keep_alive()
        if status != 200:
            self.error = f"HTTP {status}"
        elif not self._check.right(self._number, self.body):
            self.error = WRONG_ANSWER
