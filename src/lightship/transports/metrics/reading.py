"""Reads all metrics of a server: of its requests, and of its process or processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

from lightship.transports.metrics.text import Family

Families = Callable[[], list[Family]]


class MetricsReading(NamedTuple):
    """The metrics at one moment."""

    families: list[Family]
    # What Python's client for Prometheus tells of a process, as lines of a page.
    process: bytes


ReadMetrics = Callable[[], MetricsReading]


class ProcessMetrics:
    """Reads processor time, memory, files and garbage collection of this process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def text(self) -> bytes:
        return generate_latest(self._registry)
