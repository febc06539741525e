"""Reads all metrics of a server: of its requests, and of its process or processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from lightship.transports.metrics.text import Family

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Families = Callable[[], list[Family]]


class MetricsReading(NamedTuple):
    """The metrics at one moment."""

    # Those that TensorFlow Serving has too.
    families: list[Family]
    # Those that only we have.
    own: list[Family]
    # What Python's client for Prometheus tells of a process, as lines of a page.
    process: bytes


ReadMetrics = Callable[[], MetricsReading]


class ProcessMetrics:
    """Reads processor time, memory, files and garbage collection of this process."""

    @cached_property
    def _registry(self) -> CollectorRegistry:
        # Imported for the first page, because it takes longer than most of the server to import.
        from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

        registry = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        return registry

    def text(self) -> bytes:
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
