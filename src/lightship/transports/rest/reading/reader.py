"""The complete JSON reader, with the grammar, limits and error messages of TensorFlow Serving's parser, RapidJSON 1.1.

It stops after the first complete value, accepts NaN and Infinity, and keeps bytes that are not UTF-8. Nesting is
limited only by memory, because the reader does not recurse. The number of lists and objects is limited, because each
takes some hundred bytes of memory for as little as one byte of JSON. Long arrays of numbers are read by `numbers`.
"""

from __future__ import annotations

import re

from lightship.errors import ResourceExhausted
from lightship.transports.rest.reading.number_literal import read_number
from lightship.transports.rest.reading.number_slices import read_numbers
from lightship.transports.rest.reading.values import JsonValue, decoded, syntax_error, with_member

MAX_CONTAINERS = 1 << 23  # lists and objects of one document; they take about 1 GB

_SPACE = re.compile(rb"[ \t\n\r]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_HEX = re.compile(rb"[0-9A-Fa-f]{4}")
_ESCAPES = {0x22: b'"', 0x5C: b"\\", 0x2F: b"/", 0x62: b"\b", 0x66: b"\f", 0x6E: b"\n", 0x72: b"\r", 0x74: b"\t"}
_LITERALS: dict[int, tuple[bytes, bool | None]] = {
    ord("t"): (b"true", True),
    ord("f"): (b"false", False),
    ord("n"): (b"null", None),
}
# These match long runs of opening brackets: lists that begin with a list, and objects (in lists) with their first name.
# Names must have no escapes. A list that may hold numbers is left to `numbers`. The repetition is bounded, because the
# match is held in memory.
_LISTS = re.compile(rb"(?:\[[ \t\n\r]*+(?=\[)){1,65536}+")
_OBJECTS = re.compile(rb'(?:(?:\[[ \t\n\r]*+)*+\{[ \t\n\r]*+"[^"\\\x00-\x1f]*+"[ \t\n\r]*+:[ \t\n\r]*+){1,65536}+')
_OPENING = re.compile(rb'\[|\{[ \t\n\r]*("[^"]*)"')
_BEGUN = object()


def read_document(body: bytes, *, accelerate: bool = True) -> JsonValue:
    """Returns the first complete value of `body`.

    Raises InvalidArgument with RapidJSON's reason and byte offset, and ResourceExhausted for more than
    `MAX_CONTAINERS` lists and objects. With `accelerate`, long arrays of numbers become `NumberArray`s.
    """
    return _Reader(body, accelerate).document()


def too_many_containers(most: int) -> ResourceExhausted:
    return ResourceExhausted(f"The JSON document has more than {most} lists and objects; send fewer in one request")


class _Reader:
    def __init__(self, body: bytes, accelerate: bool) -> None:
        self.body = body
        self.end = len(body)
        self.position = 0
        self.no_numbers_before = 0 if accelerate else self.end + 1
        self.containers = 0
        self.stack: list[list[JsonValue] | dict[str, JsonValue]] = []  # the open lists and objects
        self.names: list[str] = []  # the name of the current member of each open object

    def document(self) -> JsonValue:
        self.position = 3 if self.body.startswith(b"\xef\xbb\xbf") else 0
        if self.peek() in b"]},:":  # also at the end of the text
            raise syntax_error("The document is empty.", self.position)
        stack, names = self.stack, self.names
        while True:
            value = self.value()
            if value is _BEGUN:
                continue
            while stack:  # the value is complete: add it to its container and read what follows
                container = stack[-1]
                if isinstance(container, list):
                    container.append(value)  # type: ignore[arg-type]
                    if self.follows(b"]", "Missing a comma or ']' after an array element."):
                        break
                else:
                    stack[-1] = container = with_member(container, names.pop(), value)  # type: ignore[arg-type]
                    if self.follows(b"}", "Missing a comma or '}' after an object member."):
                        names.append(self.name())
                        break
                value = stack.pop()
            else:
                return value  # type: ignore[return-value]

    def peek(self) -> bytes:
        """Skips white space and returns the next byte, or an empty string at the end."""
        match = _SPACE.match(self.body, self.position)
        assert match is not None
        self.position = match.end()
        return self.body[self.position : self.position + 1]

    def follows(self, closing: bytes, reason: str) -> bool:
        """Reads a comma or the closing bracket. Returns whether it is a comma."""
        byte = self.peek()
        if byte != b"," and byte != closing:
            raise syntax_error(reason, self.position)
        self.position += 1
        return byte == b","

    def name(self) -> str:
        if self.peek() != b'"':
            raise syntax_error("Missing a name for object member.", self.position)
        name = self.string()
        if self.peek() != b":":
            raise syntax_error("Missing a colon after a name of object member.", self.position)
        self.position += 1
        return name

    def value(self) -> JsonValue | object:
        byte = self.peek()
        if byte == b'"':
            return self.string()
        if byte == b"[":
            return self.numbers() or self.begun(_LISTS) or self.container([], b"]")
        if byte == b"{":
            return self.begun(_OBJECTS) or self.container({}, b"}")
        if byte and byte[0] in _LITERALS:
            return self.literal(*_LITERALS[byte[0]])
        return self.number()

    def numbers(self) -> JsonValue:
        if self.position < self.no_numbers_before:
            return None
        numbers, behind = read_numbers(self.body, self.position)
        if numbers is None:
            self.no_numbers_before = behind
        else:
            self.position = behind
        return numbers

    def begun(self, openings: re.Pattern[bytes]) -> object | None:
        """Opens all lists and objects that start here with only names between them. Returns None if there are none."""
        match = openings.match(self.body, self.position)
        if match is None:
            return None
        opened = _OPENING.findall(match.group())  # a name for each object, an empty string for each list
        self.count(len(opened))
        self.stack += [{} if name else [] for name in opened]
        self.names += [decoded(name[1:]) for name in opened if name]
        self.position = match.end()
        return _BEGUN

    def container(self, empty: list[JsonValue] | dict[str, JsonValue], closing: bytes) -> JsonValue | object:
        self.count(1)
        self.position += 1
        if self.peek() == closing:
            self.position += 1
            return empty
        self.stack.append(empty)
        if closing == b"}":
            self.names.append(self.name())
        return _BEGUN

    def count(self, containers: int) -> None:
        self.containers += containers
        if self.containers > MAX_CONTAINERS:
            raise too_many_containers(MAX_CONTAINERS)

    def literal(self, word: bytes, value: bool | None) -> bool | None:
        for expected in word:
            if self.position >= self.end or self.body[self.position] != expected:
                raise syntax_error("Invalid value.", self.position)
            self.position += 1
        return value

    def number(self) -> int | float:
        number, self.position = read_number(self.body, self.position)
        return number

    def string(self) -> str:
        self.position += 1
        pieces: list[bytes] = []
        while True:
            match = _PLAIN.match(self.body, self.position)
            assert match is not None
            pieces.append(match.group())
            self.position = match.end()
            byte = self.body[self.position : self.position + 1]
            if byte == b'"':
                self.position += 1
                return decoded(b"".join(pieces))
            if byte in (b"", b"\0"):
                raise syntax_error("Missing a closing quotation mark in string.", self.position)
            if byte != b"\\":
                raise syntax_error("Invalid escape character in string.", self.position)
            pieces.append(self.escape())

    def escape(self) -> bytes:
        start = self.position
        byte = self.body[start + 1 : start + 2]
        if byte == b"u":
            return self.unicode_escape(start)
        if not byte or byte[0] not in _ESCAPES:
            raise syntax_error("Invalid escape character in string.", start)
        self.position += 2
        return _ESCAPES[byte[0]]

    def unicode_escape(self, start: int) -> bytes:
        code = self.hex(start)
        if 0xD800 <= code < 0xDC00:  # the first half of a pair; a lone second half is accepted
            second = self.hex(start) if self.body.startswith(b"\\u", self.position) else 0
            if not 0xDC00 <= second < 0xE000:
                raise syntax_error("The surrogate pair in string is invalid.", start)
            code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)
        return chr(code).encode("utf-8", "surrogatepass")

    def hex(self, start: int) -> int:
        match = _HEX.match(self.body, self.position + 2)
        if match is None:
            raise syntax_error("Incorrect hex digit after \\u escape in string.", start)
        self.position = match.end()
        return int(match.group(), 16)
