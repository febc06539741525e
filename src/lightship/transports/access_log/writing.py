"""Writes lines, and makes the ids of requests that are answered together: in C, or without the extension in Python.

All of it takes the form of the lines, which is what stands before each number and the id, and at the end; the part with
the time; the part that says what was asked; when the request ended; and the seconds of decoding, running and encoding.
The stages of a line add up to its whole time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from lightship.transports.access_log import extension
from lightship.transports.access_log.request_ids import RequestIds

Form = tuple[bytes, ...]
# What a request has of its own: the client's part of its line, when its first and its last bytes came, its bytes in and
# out, and its id.
Own = tuple[bytes, float, float, int, int, bytes]


class Members(Protocol):
    """Requests that are answered together, with what each of them has of its own."""

    def __init__(self, before: bytes, after: bytes, /) -> None:
        """before, after: what stands around an id where it is sent."""

    def __len__(self) -> int: ...

    def add(self, client: bytes, begun: float, received: float, bytes_in: int, bytes_out: int, /) -> bytes:
        """Adds a request: the client's part of its line, when its first and its last bytes came, and its bytes.

        Returns a new id, with what stands around it.
        """

    def lines(
        self, form: Form, moment: bytes, what: bytes, ended: float, decode: float, run: float, encode: float, /
    ) -> bytes:
        """Returns the lines of all, in their order."""


class WriteLine(Protocol):
    """Returns the line of a request by itself."""

    def __call__(
        self,
        form: Form,
        moment: bytes,
        what: bytes,
        ended: float,
        decode: float,
        run: float,
        encode: float,
        own: Own,
        /,
    ) -> bytes: ...


class MembersInPython:
    """`Members` without the C extension."""

    def __init__(self, before: bytes, after: bytes, /) -> None:
        self._before, self._after = before, after
        self._members: list[Own] = []

    def __len__(self) -> int:
        return len(self._members)

    def add(self, client: bytes, begun: float, received: float, bytes_in: int, bytes_out: int, /) -> bytes:
        made = _ids.make()
        self._members.append((client, begun, received, bytes_in, bytes_out, made))
        return b"%b%b%b" % (self._before, made, self._after)

    def lines(
        self, form: Form, moment: bytes, what: bytes, ended: float, decode: float, run: float, encode: float, /
    ) -> bytes:
        common = (form, moment, what, ended, decode, run, encode)
        return b"".join([write_line_in_python(*common, member) for member in self._members])


def write_line_in_python(
    form: Form,
    moment: bytes,
    what: bytes,
    ended: float,
    decode: float,
    run: float,
    encode: float,
    own: Own,
    /,
) -> bytes:
    """`WriteLine` without the C extension."""
    client, begun, received, bytes_in, bytes_out, given = own
    total, receive = _microseconds(ended - begun), _microseconds(received - begun)
    stages = [_microseconds(decode), _microseconds(run), _microseconds(encode)]
    wait = max(0, total - receive - sum(stages))
    numbers = [b"%d" % bytes_in, b"%d" % bytes_out]
    numbers += [b"%d.%03d" % divmod(one, 1000) for one in (total, receive, wait, *stages)]
    *labels, end = form
    return b"".join([moment, client, what, *map(bytes.__add__, labels, [*numbers, given]), end])


def _microseconds(seconds: float) -> int:
    number = seconds * 1e6
    return int(number) if 0 < number < 1e15 else 0


_ids = RequestIds()


def id_maker(before: bytes, after: bytes) -> Callable[[], bytes]:
    """Returns a function that returns a new id of `MADE_BYTES` hexadecimal digits, with what stands around it."""
    if extension.native is None:
        return RequestIds(before, after).make
    return partial(extension.native.make_id, before, after)


new_members: type[Members] = MembersInPython if extension.native is None else extension.native.Members
write_line: WriteLine = write_line_in_python if extension.native is None else extension.native.write_line
