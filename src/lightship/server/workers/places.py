"""The places in shared memory where the workers write how many connections they have."""

from __future__ import annotations

from lightship.transports.accepting import Balance, ConnectionCounts


def size(workers: int) -> int:
    """Returns the number of places for this many workers."""
    return 2 * workers


def balances(fd: int, worker: int, workers: int) -> tuple[Balance, Balance]:
    """Returns how a worker shares the sockets of REST and of gRPC. worker: its number; the first is 1."""
    counts = ConnectionCounts(fd, size(workers))
    rest, grpc = range(workers), range(workers, 2 * workers)
    return Balance(counts, rest, rest[worker - 1]), Balance(counts, grpc, grpc[worker - 1])


def clear(counts: ConnectionCounts, worker: int, workers: int) -> None:
    """Says that a worker accepts no connections."""
    counts.clear(worker - 1)
    counts.clear(workers + worker - 1)
