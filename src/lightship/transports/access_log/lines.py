"""Writes records as lines of text or JSON."""

from __future__ import annotations

import re
from time import gmtime, monotonic, strftime, time
from typing import Literal

from lightship.errors import Code
from lightship.printable import json_line
from lightship.transports.access_log.record import STAGES, JoinedRecord
from lightship.transports.access_log.writing import Own, write_line

LogFormat = Literal["text", "json"]
# What was asked, and what came of it: the method, the path or RPC, the model, the version, and the status.
What = tuple[str, str, str, int | None, int]
# What a line tells: also when the request ended, the seconds of decoding, running and encoding, and what is its own.
Entry = tuple[What, float, float, float, float, Own]

_MAX_TEXT = {
    "client": 64,
    "method": 32,
    "path": 256,
    "rpc": 256,
    "model": 128,
}  # characters; a line stays below 4096 bytes
_MAX_KNOWN = 1024  # texts that are remembered
_is_plain = re.compile(r"[!#-\[\]-~]+").fullmatch
_NAMES = {code: code.name for code in Code}


class Lines:
    """Formats records. Texts of clients are escaped and bounded, so that no line can be forged or become long.

    A line has four parts: the time, the client, what was asked, and the numbers with the id. The first three are
    remembered. Times are those of `time.monotonic`.
    """

    def __init__(self, form: LogFormat) -> None:
        self._json = form == "json"
        names = ("bytes_in", "bytes_out", "ms", *(f"{stage}_ms" for stage in STAGES), "id")
        labels = [f',"{name}":' if self._json else f" {name}=" for name in names]
        if self._json:
            labels[-1] += '"'
        self._form = tuple(label.encode() for label in (*labels, '"}\n' if self._json else "\n"))
        # The part of a line with the client's address, by the address.
        self.clients = _Clients(as_json=self._json)
        self._known: dict[What, bytes] = {}
        self._clock = _Clock(*(('{"time":"', '",') if self._json else ("", " ")))

    def line(self, what: What, ended: float, decode: float, run: float, encode: float, own: Own) -> bytes:
        """Returns the line of a request."""
        asked = self._known.get(what) or self._learn(what)
        return write_line(self._form, self._clock.text(ended), asked, ended, decode, run, encode, own)

    def joined_lines(self, one: JoinedRecord) -> bytes:
        """Returns the lines of requests that were answered as one, and ended together."""
        what, ended = (one.method, one.path, one.model, one.version, one.status), one.ended
        asked = self._known.get(what) or self._learn(what)
        return one.members.lines(self._form, self._clock.text(ended), asked, ended, *one.stages_until(ended))

    def dropped(self, number: int) -> bytes:
        """Returns the line that says how many lines are missing at its place. May be called on any thread."""
        moment = _utc(int(1000 * time()))
        line = f'{{"time":"{moment}","dropped":{number}}}\n' if self._json else f"{moment} dropped={number}\n"
        return line.encode()

    def _learn(self, what: What) -> bytes:
        """Returns the part of a line that many requests have in common, and remembers it."""
        method, path, model, version, status = what
        called = "rpc" if isinstance(status, Code) else "path"
        texts = {"method": method, called: path, "model": model}
        short = {name: _cut(text, _MAX_TEXT[name]) for name, text in texts.items()}
        text = _json_text(short, version, status) if self._json else _plain_text(short, version, status)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[what] = part = text.encode()
        return part


class _Clients(dict[str, bytes]):
    """Parts of lines with the addresses of clients, which are made when they are first asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json

    def __missing__(self, address: str) -> bytes:
        short = _cut(address, _MAX_TEXT["client"])
        text = json_line({"client": short or None})[1:-1] if self._json else _plain(short)
        if len(self) >= _MAX_KNOWN:
            self.clear()
        self[address] = part = text.encode()
        return part


class _Clock:
    """The parts of lines with the time of day, by `time.monotonic`.

    The difference of the two clocks is looked at once a second, so that lines are in the order of their times.
    """

    def __init__(self, start: str, end: str) -> None:
        """start, end: what stands around the time."""
        self._start, self._end = start, end
        self._text = b""
        self._since, self._until = 1.0, 0.0  # when `_text` is right
        self._offset, self._offset_until = 0.0, 0.0
        self._second, self._second_text = -1, ""

    def text(self, moment: float) -> bytes:
        if not self._since <= moment < self._until:
            self._read(moment)
        return self._text

    def _read(self, moment: float) -> None:
        now = monotonic()
        if now >= self._offset_until:
            self._offset, self._offset_until = time() - now, now + 1.0
        offset = self._offset
        milliseconds = int(1000 * (moment + offset))
        second = milliseconds // 1000
        if second != self._second:
            self._second, self._second_text = second, _utc(1000 * second)[:-4]
        self._text = f"{self._start}{self._second_text}{milliseconds % 1000:03d}Z{self._end}".encode()
        self._since, self._until = milliseconds / 1000 - offset, (milliseconds + 1) / 1000 - offset


def _utc(milliseconds: int) -> str:
    """Returns a time in ISO 8601, in UTC."""
    second, rest = divmod(milliseconds, 1000)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(second))}.{rest:03d}Z"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _json_text(texts: dict[str, str], version: int | None, status: int) -> str:
    fields: dict[str, object] = {name: text or None for name, text in texts.items()}
    fields["version"] = version
    if isinstance(status, Code):
        fields["code"] = _NAMES[status]
    else:
        fields["status"] = status or None
    return f",{json_line(fields)[1:-1]}"


def _plain_text(texts: dict[str, str], version: int | None, status: int) -> str:
    """Returns the values in their order, with a quoted JSON text for a value that is not plain."""
    path = _plain(texts["rpc" if "rpc" in texts else "path"])
    code = _NAMES[status] if isinstance(status, Code) else status or "-"
    number = "-" if version is None else version
    return f" {_plain(texts['method'])} {path} {code} model={_plain(texts['model'])} version={number}"


def _plain(text: str) -> str:
    return text if _is_plain(text) else json_line(text) if text else "-"
