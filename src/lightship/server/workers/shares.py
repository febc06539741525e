"""Each worker's share of the processors, the memory and the limits of the server."""

from __future__ import annotations

import math
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.errors import InvalidArgument
from lightship.memory import default_budget
from lightship.processors import available_cpus, cpu_quota
from lightship.server.options import MIN_MEMORY_BUDGET, ServerOptions
from lightship.transports.grpc.channel_arguments import known_arguments

_TOPOLOGY = Path("/sys/devices/system/cpu")


class Processors(NamedTuple):
    """The processors of one worker."""

    # Those on which it runs; empty if it is not bound to any.
    bound: tuple[int, ...]
    # How many processes share the time that the control groups grant.
    sharers: int


def worker_count(options: ServerOptions) -> int:
    """Returns the number of workers; "auto" is the number of processors that this process may use, or 1 where
    processes cannot share sockets.

    Raises InvalidArgument if this system cannot share sockets between processes.
    """
    if options.workers == "auto":
        return available_cpus() if _can_share_sockets() else 1
    number = options.workers
    if number > 1 and not _can_share_sockets():
        raise InvalidArgument(
            f"workers={options.workers}: several processes cannot share sockets on this system ({sys.platform}); leave "
            "workers out, which means one process, or run it on Linux or macOS"
        )
    return number


def processors_of(worker: int, workers: int) -> Processors:
    """Returns the share of a worker, the first of which is 0.

    Where the control groups grant less time than there are processors, workers are not bound, because other containers
    may be busy on the same processors.
    """
    if not hasattr(os, "sched_getaffinity"):
        return Processors((), workers)
    allowed = os.sched_getaffinity(0)
    if 0 < cpu_quota() < len(allowed):
        return Processors((), workers)
    return Processors(split(by_place(allowed), worker, workers), 1)


def by_place(allowed: set[int], topology: Path = _TOPOLOGY) -> list[int]:
    """Sorts processors so that those of one core, and then of one package, are neighbours."""
    return sorted(allowed, key=lambda cpu: (*(_place(topology, cpu, of) for of in ("physical_package", "core")), cpu))


def split(cpus: Sequence[int], worker: int, workers: int) -> tuple[int, ...]:
    """Returns a worker's part of these processors. If there are more workers than processors, they share them."""
    if workers >= len(cpus):
        return (cpus[worker % len(cpus)],)
    return tuple(cpus[worker * len(cpus) // workers : (worker + 1) * len(cpus) // workers])


def options_of(options: ServerOptions, workers: int) -> ServerOptions:
    """Returns the options of one worker: its share of what is limited for the whole server."""
    grpc, limits = options.grpc, options.limits
    budget = options.memory_budget or default_budget()
    return replace(
        options,
        models=(),
        model_config_file=None,
        tls_files=None,
        workers=1,
        memory_budget=max(MIN_MEMORY_BUDGET, budget // workers),
        limits=replace(limits, connections=_share(limits.connections, workers)),
        threads=_share(options.threads, workers),
        batching=_batching_share(options.batching, workers),
        grpc=replace(grpc, runs=_share(grpc.runs, workers), channel_arguments=known_arguments(grpc.channel_arguments)),
    )


def _batching_share(batching: BatchingParameters | None, workers: int) -> BatchingParameters | None:
    if batching is None:
        return None
    return replace(batching, num_batch_threads=_share(batching.num_batch_threads, workers))


def _share(number: int, workers: int) -> int:
    """Returns a worker's share, at least 1; 0 stays 0."""
    return math.ceil(number / workers)


def _place(topology: Path, cpu: int, of: str) -> int:
    try:
        return int((topology / f"cpu{cpu}" / "topology" / f"{of}_id").read_text())
    except (OSError, ValueError):
        return 0


def _can_share_sockets() -> bool:
    return os.name == "posix" and hasattr(socket, "send_fds")
