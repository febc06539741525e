"""Reads what a server sent on one connection, and says what is wrong with it."""

from __future__ import annotations

import io
import json
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

ALLOWED = frozenset({200, 302, 400, 404, 413, 415, 421, 429, 431, 501})
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [A-Za-z -]*")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)")
_END = b"\r\n\r\n"


class Wrong(Exception):
    """An answer that no server should give."""


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def closes(self) -> bool:
        return self.headers.get(b"connection", b"").lower() == b"close"


def read_answers(data: bytes, *, headless: bool = False) -> tuple[list[Answer], bytes]:
    """The complete answers, without interim ones, and the rest.

    headless: whether an answer may belong to a HEAD, and have no body in spite of its length. Raises Wrong for what is
    not HTTP, or comes after the last answer.
    """
    answers: list[Answer] = []
    while (end := data.find(_END)) >= 0:
        status, headers = _head(data[:end])
        rest = data[end + len(_END) :]
        if status == 100:
            data = rest
            continue
        if answers and answers[-1].closes:
            raise Wrong("an answer after the one that closes the connection")
        length = int(headers[b"content-length"])
        if headless and length and (not rest or rest.startswith(b"HTTP/1.1 ")):
            length = 0
        if len(rest) < length:
            break
        answers.append(Answer(status, headers, rest[:length]))
        data = rest[length:]
    if data and not b"HTTP/1.1 ".startswith(data[:9]):
        raise Wrong(f"this is no beginning of an answer: {data[:80]!r}")
    return answers, data


def check_answer(answer: Answer) -> None:
    """Raises Wrong for a status that nothing here should cause, and for a body that is not of its type."""
    if answer.status not in ALLOWED:
        raise Wrong(f"status {answer.status}: {answer.body[:500]!r}")
    media = answer.headers.get(b"content-type", b"")
    if media == b"application/json" and answer.body:
        _check_json(answer)
    elif media in (b"application/x-npy", b"application/x-npz") and answer.body:
        _check_numpy(answer)
    elif media == b"image/png" and answer.body:
        _check_png(answer)


def _check_json(answer: Answer) -> None:
    try:
        document = json.loads(answer.body.decode("utf-8", "replace"))
    except ValueError as error:
        raise Wrong(f"status {answer.status}, not JSON ({error}): {answer.body[:500]!r}") from None
    is_error = isinstance(document, dict) and isinstance(document.get("error"), str)
    if answer.status != 200 and not is_error:
        raise Wrong(f"status {answer.status} without an error: {answer.body[:500]!r}")
    if answer.status == 200 and is_error:
        raise Wrong(f"an error with status 200: {answer.body[:500]!r}")


def _check_numpy(answer: Answer) -> None:
    try:
        loaded = np.load(io.BytesIO(answer.body), allow_pickle=False)
        _ = {name: loaded[name] for name in getattr(loaded, "files", ())}
    except (ValueError, OSError) as error:
        raise Wrong(f"numpy cannot read the answer ({error}): {answer.body[:200]!r}") from None


def _check_png(answer: Answer) -> None:
    try:
        with Image.open(io.BytesIO(answer.body), formats=["PNG"]) as image:
            image.load()
    except (ValueError, OSError) as error:
        raise Wrong(f"Pillow cannot read the answer ({error}): {answer.body[:200]!r}") from None


def _head(text: bytes) -> tuple[int, dict[bytes, bytes]]:
    line, *lines = text.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Wrong(f"no status line: {line[:200]!r}")
    headers: dict[bytes, bytes] = {}
    for header in lines:
        parts = _HEADER.fullmatch(header)
        if parts is None or parts[1].lower() in headers:
            raise Wrong(f"a header that is none or was there before: {header[:200]!r}")
        headers[parts[1].lower()] = parts[2]
    status = int(match[1])
    if status != 100 and not (headers.get(b"content-length", b"").isdigit() and b"date" in headers):
        raise Wrong(f"status {status} without a length or a date")
    return status, headers
