"""Request headers: decompressed, checked by the rules of RFC 9113 (8.2 and 8.3), and remembered by their block."""

from __future__ import annotations

import re
from typing import Any

from hpack import Decoder, HPACKError, OversizedHeaderListError

from lightship.transports.http2.frames import ConnectionFault, ErrorCode

Header = tuple[bytes, bytes]

_MAX_MEMO_BYTES = 1024  # the most bytes of a block that is remembered
_MAX_MEMO = 64  # blocks
_MAX_DIGITS = 18  # of a content-length
_PER_HEADER = 32  # bytes that each header counts more than its name and value
_is_name = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
_breaks_value = re.compile(rb"[\0\r\n]").search
_OF_HTTP_1 = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
_PSEUDO = frozenset((b":method", b":scheme", b":path", b":authority"))


class RequestHead:
    """The headers of a request.

    `headers` has no pseudo-headers. `size` is what RFC 9113 calls the size of the field section. `content_length` is
    None if it was not sent. `fault` says what is malformed, or is empty. `plan` belongs to the application, which can
    keep there what it has derived from the headers, because equal requests of a connection often share one
    `RequestHead`. Then it can empty `headers`, to save memory.
    """

    __slots__ = ("content_length", "fault", "headers", "method", "path", "plan", "size")

    def __init__(self, fields: list[Header]) -> None:
        self.plan: Any = None
        self.method = self.path = b""
        self.content_length: int | None = None
        self.size = sum(len(name) + len(value) + _PER_HEADER for name, value in fields)
        pseudo: dict[bytes, bytes] = {}
        self.headers: list[Header] = []
        self.fault = self._read(fields, pseudo) or self._check(pseudo)

    def _read(self, fields: list[Header], pseudo: dict[bytes, bytes]) -> str:
        for name, value in fields:
            if name[:1] == b":":
                if name not in _PSEUDO or name in pseudo or self.headers:
                    return f"misplaced pseudo-header {name!r}"
                pseudo[name] = value
            elif fault := field_fault(name, value):
                return fault
            else:
                self.headers.append((name, value))
                if name == b"content-length":
                    if not value.isdigit() or len(value) > _MAX_DIGITS or self.content_length not in (None, int(value)):
                        return "invalid content-length"
                    self.content_length = int(value)
        return ""

    def _check(self, pseudo: dict[bytes, bytes]) -> str:
        if b":method" not in pseudo or b":scheme" not in pseudo or not pseudo.get(b":path"):
            return "a request needs :method, :scheme and :path"
        if any(map(_breaks_value, pseudo.values())):
            return "a pseudo-header holds a control character"
        self.method, self.path = pseudo[b":method"], pseudo[b":path"]
        return ""


def field_fault(name: bytes, value: bytes) -> str:
    """Returns what is wrong with a header or trailer, or an empty text. Pseudo-headers have invalid names here."""
    if not _is_name(name):
        return f"invalid header name {name!r}"
    if _breaks_value(value):
        return f"invalid value of the header {name!r}"
    if name in _OF_HTTP_1 or (name == b"te" and value != b"trailers"):
        return f"the header {name!r} is not allowed in HTTP/2"
    return ""


class HeaderDecoder:
    """Decompresses the header blocks of one connection, which must come in their order.

    A block that left the dynamic table as it was means the same again, until the table changes. So its headers are
    remembered; most clients send the same block for each of their requests.
    """

    __slots__ = ("_decoder", "_memo")

    def __init__(self, max_list: int) -> None:
        """`max_list` is the most bytes of decompressed headers; a block with more ends the connection."""
        self._decoder = Decoder(max_header_list_size=max_list)
        self._memo: dict[bytes, RequestHead] = {}

    def known(self, block: bytes) -> RequestHead | None:
        """Returns the request head that this block means now, if it is remembered."""
        return self._memo.get(block)

    def request(self, block: bytes) -> RequestHead:
        """Raises ConnectionFault for a block that cannot be decompressed."""
        before = self._table()
        head = RequestHead(self._decoded(block))
        if not self._changed(before) and len(block) <= _MAX_MEMO_BYTES:
            if len(self._memo) >= _MAX_MEMO:
                self._memo.clear()
            self._memo[block] = head
        return head

    def trailers(self, block: bytes) -> list[Header]:
        """Raises ConnectionFault for a block that cannot be decompressed."""
        before = self._table()
        fields = self._decoded(block)
        self._changed(before)
        return fields

    def _decoded(self, block: bytes) -> list[Header]:
        try:
            return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from error
        except (HPACKError, IndexError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"the header block is invalid: {error}") from error

    def _table(self) -> tuple[object, int, int]:
        """Returns what differs after any change of the dynamic table: new entries are new objects and come first."""
        table = self._decoder.header_table
        entries = table.dynamic_entries
        return (entries[0] if entries else None, len(entries), table.maxsize)

    def _changed(self, before: tuple[object, int, int]) -> bool:
        after = self._table()
        changed = after[0] is not before[0] or after[1:] != before[1:]
        if changed:
            self._memo.clear()
        return changed


def encode_headers(headers: list[Header]) -> bytes:
    """Returns a header block of literals that are not indexed, which means the same on every connection."""
    block = bytearray()
    for name, value in headers:
        block.append(0)
        for text in (name, value):
            block += _length(len(text)) + text
    return bytes(block)


def _length(number: int) -> bytes:
    """Returns a string's length as an integer with a prefix of 7 bits (RFC 7541, 5.1)."""
    if number < 127:
        return bytes((number,))
    number -= 127
    encoded = bytearray((127,))
    while number >= 128:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
