"""What is counted, under TensorFlow Serving's names, labels, buckets and text form; and the process's own figures."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest

_COUNT = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
_LIMITS = [10 * 1.8**power for power in range(33)]  # microseconds
_MOST_STRANGERS = 100  # names of models that are not served; further ones are counted under the empty name
_LONGEST_STRANGER = 128


@dataclass(slots=True)
class _Histogram:
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_LIMITS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        self.buckets[bisect_right(_LIMITS, value)] += 1
        self.total += value


class Metrics:
    """`models` says which models are configured: only their names, and a few others, become labels."""

    def __init__(self, models: Callable[[], Collection[str]]) -> None:
        self._models = models
        self._lock = threading.Lock()
        self._strangers: set[str] = set()
        self._counts: dict[tuple[str, str], int] = {}
        self._latencies: dict[tuple[str, str], _Histogram] = {}
        self._process = CollectorRegistry(auto_describe=False)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def request(self, model: str, status: str, api: str, microseconds: float) -> None:
        """Counts a request, and the latency of one that succeeded. `status`: the canonical code's name."""
        with self._lock:
            key = (self._label(model), status)
            self._counts[key] = self._counts.get(key, 0) + 1
            if status == "OK":
                self._latencies.setdefault((key[0], api), _Histogram()).add(microseconds)

    def text(self) -> bytes:
        """The page that Prometheus reads."""
        with self._lock:
            lines = [*self._count_lines(), *self._latency_lines()]
        return ("\n".join(lines) + "\n").encode("utf-8", "replace") + generate_latest(self._process)

    def _label(self, model: str) -> str:
        if (model, "OK") in self._counts or model in self._strangers:
            return model
        if model and model not in self._models():
            if len(self._strangers) >= _MOST_STRANGERS or len(model) > _LONGEST_STRANGER:
                return ""
            self._strangers.add(model)
        return model

    def _count_lines(self) -> list[str]:
        lines = [f"# TYPE {_COUNT} counter"]
        for (model, status), count in sorted(self._counts.items()):
            lines.append(f'{_COUNT}{{model_name="{_escaped(model)}",status="{status}"}} {count}')
        return lines

    def _latency_lines(self) -> list[str]:
        lines = [f"# TYPE {_LATENCY} histogram"]
        for (model, api), histogram in sorted(self._latencies.items()):
            labels = f'model_name="{_escaped(model)}",API="{api}",entrypoint="REST"'
            seen = 0
            for limit, count in zip([*map("{:g}".format, _LIMITS), "+Inf"], histogram.buckets, strict=True):
                seen += count
                lines.append(f'{_LATENCY}_bucket{{{labels},le="{limit}"}} {seen}')
            lines.append(f"{_LATENCY}_sum{{{labels}}} {histogram.total:g}")
            lines.append(f"{_LATENCY}_count{{{labels}}} {seen}")
        return lines


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
