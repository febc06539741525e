"""Tells, in metrics of our own, how much work waits and how much memory requests hold."""

from __future__ import annotations

from lightship.memory_budget import MemoryBudget
from lightship.transports.http.executor import Executor
from lightship.transports.metrics.own.families import own_counter, own_gauge
from lightship.transports.metrics.text import Family


def queue_families(executor: Executor, budget: MemoryBudget) -> list[Family]:
    """Returns the lengths of the queues, and what the memory budget has counted."""
    waiting = [({"model": model, "kind": kind}, length) for (kind, model), length in executor.queues().items()]
    return [
        own_gauge(
            "lightship_queue_length", "Requests that wait for a thread, or for their turn at the model.", waiting
        ),
        own_gauge(
            "lightship_unfinished_requests",
            "Requests that wait for threads or are answered by them.",
            [({}, executor.unfinished)],
        ),
        own_gauge("lightship_request_memory_bytes", "Memory that requests hold now.", [({}, budget.taken)]),
        own_gauge("lightship_request_memory_limit_bytes", "Memory that requests may hold.", [({}, budget.size)]),
        own_counter(
            "lightship_request_memory_refusals_total",
            "Requests that were refused because of the memory that others held.",
            [({}, budget.refusals)],
        ),
    ]
