"""Writes records as lines of text or JSON, many at once."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Literal

from lightship.errors import Code
from lightship.printable import json_line
from lightship.transports.access_log.record import STAGES, AccessRecord

LogFormat = Literal["text", "json"]

_MAX_TEXT = {
    "client": 64,
    "method": 32,
    "path": 256,
    "rpc": 256,
    "model": 128,
}  # characters; a line stays below 4096 bytes
_MAX_KNOWN = 1024  # texts that are remembered
_MAX_SHORT = 20_000  # microseconds; the texts of shorter times are remembered
_is_plain = re.compile(r"[!#-\[\]-~]+").fullmatch
_NAMES = {code: code.name for code in Code}


class _Milliseconds(dict[int, str]):
    """The text of a time in microseconds, as milliseconds."""

    def __missing__(self, microseconds: int) -> str:
        text = f"{microseconds / 1000:.3f}"
        if microseconds < _MAX_SHORT:
            self[microseconds] = text
        return text


class Lines:
    """Formats records. Texts of clients are escaped and bounded, so that no line can be forged or become long."""

    def __init__(self, form: LogFormat) -> None:
        self._json = form == "json"
        names = ("bytes_in", "bytes_out", "ms", *(f"{stage}_ms" for stage in STAGES), "id")
        labels = [f',"{name}":' if self._json else f" {name}=" for name in names]
        if self._json:
            labels[-1] += '"'
        self._labels = labels
        self._start, self._end = ('{"time":"', '"}\n') if self._json else ("", "\n")
        self._milliseconds = _Milliseconds()
        self._known: dict[tuple[str, str, str, str, int | None, int], str] = {}
        self._second, self._second_text = 0, ""

    def format(self, records: Sequence[AccessRecord]) -> bytes:
        """Returns the lines of records."""
        offset = time.time() - time.monotonic()
        ms, known, end = self._milliseconds, self._known, self._end
        into, out, whole, receive, wait, decode, run, encode, number = self._labels
        lines, moment = [], ""
        since, until = 1.0, 0.0  # when `moment` is the text of the time
        for one in records:
            if not since <= one.ended < until:
                at = int(1000 * (one.ended + offset))
                moment, since, until = self._start + self._time(at), at / 1000 - offset, (at + 1) / 1000 - offset
            what = (one.client, one.method, one.path, one.model, one.version, one.status)
            text = known.get(what) or self._learn(what)
            t, a, b, c, d, e = one.microseconds()
            lines.append(
                f"{moment}{text}{into}{one.bytes_in}{out}{one.bytes_out}{whole}{ms[t]}"
                f"{receive}{ms[a]}{wait}{ms[b]}{decode}{ms[c]}{run}{ms[d]}{encode}{ms[e]}{number}{one.id}{end}"
            )
        return "".join(lines).encode()

    def dropped(self, number: int) -> bytes:
        """Returns the line that says how many lines are missing at its place."""
        moment = _utc(int(1000 * time.time()))
        line = f'{{"time":"{moment}","dropped":{number}}}\n' if self._json else f"{moment} dropped={number}\n"
        return line.encode()

    def _time(self, milliseconds: int) -> str:
        second = milliseconds // 1000
        if second != self._second:
            self._second, self._second_text = second, _utc(1000 * second)[:-5]
        return f"{self._second_text}.{milliseconds % 1000:03d}Z"

    def _learn(self, what: tuple[str, str, str, str, int | None, int]) -> str:
        """Returns the part of a line that many requests have in common, and remembers it."""
        client, method, path, model, version, status = what
        called = "rpc" if isinstance(status, Code) else "path"
        texts = {"client": client, "method": method, called: path, "model": model}
        short = {name: _cut(text, _MAX_TEXT[name]) for name, text in texts.items()}
        text = _json_text(short, version, status) if self._json else _plain_text(short, version, status)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[what] = text
        return text


def _utc(milliseconds: int) -> str:
    """Returns a time in ISO 8601, in UTC."""
    second, rest = divmod(milliseconds, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(second))}.{rest:03d}Z"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "..."


def _json_text(texts: dict[str, str], version: int | None, status: int) -> str:
    fields: dict[str, object] = {name: text or None for name, text in texts.items()}
    fields["version"] = version
    if isinstance(status, Code):
        fields["code"] = _NAMES[status]
    else:
        fields["status"] = status or None
    return f'",{json_line(fields)[1:-1]}'


def _plain_text(texts: dict[str, str], version: int | None, status: int) -> str:
    """Returns the values in their order, with a quoted JSON text for a value that is not plain."""
    shown = {name: text if _is_plain(text) else json_line(text) if text else "-" for name, text in texts.items()}
    path = shown["rpc" if "rpc" in shown else "path"]
    code = _NAMES[status] if isinstance(status, Code) else status or "-"
    number = "-" if version is None else version
    return f" {shown['client']} {shown['method']} {path} {code} model={shown['model']} version={number}"
