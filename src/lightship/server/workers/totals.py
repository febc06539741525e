"""Adds up the metrics of several processes, so that the pages tell of the whole server."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from lightship.transports.metrics.reading import MetricsReading
from lightship.transports.metrics.text import Family

_LEAST = frozenset({"process_start_time_seconds", "process_max_fds"})  # of which the smallest value counts
_SAME = frozenset({"python_info"})  # which all processes have in common
_NAME = re.compile(r"[^\s{]+")

_EMPTY = MetricsReading([], [], b"")


class Source(Protocol):
    """A process."""

    alive: bool


class Totals:
    """The metrics of all workers, those included that have ended: what is counted never becomes less."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[Source, MetricsReading] = {}
        self._ended = _EMPTY

    def take(self, source: Source, reading: MetricsReading) -> None:
        """Takes in what a process has counted until now."""
        with self._lock:
            if source.alive:
                self._last[source] = reading

    def end(self, source: Source) -> None:
        """Notes that a process has ended. What it had counted at its last reading stays."""
        with self._lock:
            last = self._last.pop(source, None)
            if last is not None:
                # Not rounded: else the sum could become less, which readers take for a restart of all counters.
                counted = [family for family in last.own if family.kind != "gauge"]
                ended = last._replace(own=counted, process=_counters(last.process))
                self._ended = added([self._ended, ended], _exact)

    def read(self, further: Iterable[MetricsReading] = ()) -> MetricsReading:
        """Returns the sum of all, with `further` readings."""
        with self._lock:
            # Those that have ended come last, because their lines have no comments, which must come before the samples.
            return added([*self._last.values(), *further, self._ended])


def added(readings: Iterable[MetricsReading], text: Callable[[float], str] | None = None) -> MetricsReading:
    """Adds up the samples of the same name and labels. text: writes the sums of families, by default as pages do."""
    readings, text = list(readings), text or _text
    return MetricsReading(
        _added_families((family for reading in readings for family in reading.families), text),
        _added_families((family for reading in readings for family in reading.own), _exact),
        _added_pages(reading.process for reading in readings),
    )


def _added_families(given: Iterable[Family], text: Callable[[float], str]) -> list[Family]:
    families: dict[str, tuple[Family, dict[str, float]]] = {}
    for family in given:
        _, samples = families.setdefault(family.name, (family, {}))
        for line in family.samples:
            name, _, value = line.rpartition(" ")
            samples[name] = samples.get(name, 0) + _number(value)
    return [
        family._replace(samples=[f"{name} {text(value)}" for name, value in samples.items()])
        for family, samples in families.values()
    ]


def _added_pages(pages: Iterable[bytes]) -> bytes:
    """Adds up the samples of pages that Python's client for Prometheus has written."""
    lines: dict[str, float | None] = {}  # comments have no value
    for line in (line for page in pages for line in page.decode().splitlines()):
        name, _, value = line.rpartition(" ")
        if line.startswith("#"):
            lines.setdefault(line, None)
        elif name:
            before = lines.get(name)
            lines[name] = float(value) if before is None else _combined(name, before, float(value))
    return "".join(f"{name}\n" if value is None else f"{name} {value!r}\n" for name, value in lines.items()).encode()


def _combined(sample: str, one: float, other: float) -> float:
    found = _NAME.match(sample)
    name = found[0] if found else sample
    if name in _SAME:
        return one
    return min(one, other) if name in _LEAST else one + other


def _counters(page: bytes) -> bytes:
    """Returns the lines of a page that count, and none of those that tell what is now."""
    lines = page.decode().splitlines()
    return "".join(
        f"{line}\n" for line in lines if (found := _NAME.match(line)) and found[0].endswith("_total")
    ).encode()


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _exact(value: float) -> str:
    return repr(value)
