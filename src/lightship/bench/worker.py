"""A process of load. It takes orders on its standard input, and ends when that is closed."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any, BinaryIO

from lightship.bench.endpoint import ConnectionFactory, Endpoint
from lightship.bench.load import Load, LoadCounts, LoadPlan
from lightship.bench.messages import read_message
from lightship.bench.poller import wake_up_precisely


class Worker:
    """Endpoints by their names, and the run that is made now."""

    def __init__(self, orders: BinaryIO) -> None:
        self._orders: queue.SimpleQueue[tuple[dict[str, Any], list[bytes]]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._start: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._factories: dict[str, ConnectionFactory] = {}
        threading.Thread(target=self._read, args=(orders,), daemon=True).start()

    def run(self) -> None:
        while True:
            order, blobs = self._orders.get()
            if order["order"] == "endpoint":
                self._factories[order["name"]] = Endpoint.from_fields(order["endpoint"], blobs).connections()
                _tell(kind="known")
            else:
                self._load(order)

    def _read(self, orders: BinaryIO) -> None:
        """Reads the orders while a load runs."""
        while (message := read_message(orders)) is not None:
            fields, blobs = message
            if fields["order"] == "stop":
                self._stopped.set()
                self._start.put(0)
            elif fields["order"] == "start":
                self._start.put(fields["at"])
            else:
                self._orders.put((fields, blobs))
        os._exit(0)  # the command has ended

    def _load(self, order: dict[str, Any]) -> None:
        self._stopped.clear()
        load = Load(self._factories[order["name"]], LoadPlan(**order["plan"]), self._stopped.is_set)
        try:
            load.connect()
            _tell(kind="ready")
            counts = load.run(self._start.get(), _report)
        finally:
            load.close()
        while not self._start.empty():  # that of a stop
            self._start.get()
        _tell(kind="result", **counts_fields(counts))


def counts_fields(counts: LoadCounts) -> dict[str, Any]:
    return {
        "latencies": counts.latencies.to_fields(),
        "lateness": counts.lateness.to_fields(),
        "answered": counts.answered,
        "errors": dict(counts.errors),
        "seconds": counts.seconds,
        "busy": counts.busy,
    }


def plan_fields(plan: LoadPlan) -> dict[str, Any]:
    return asdict(plan)


def _report(counts: LoadCounts) -> None:
    _tell(kind="progress", answered=counts.answered, errors=counts.errors.total())


def _tell(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Runs until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which then ends this process
    wake_up_precisely()
    Worker(sys.stdin.buffer).run()
