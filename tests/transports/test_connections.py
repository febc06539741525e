"""Which connection is closed when there are too many."""

from __future__ import annotations

from lightship.transports.connections import Connections, Standing, Waits

LIMIT = 3


class Connection:
    """A connection that waits for its client since a time, or is busy if `since` is None."""

    def __init__(self, since: float | None, waits: Waits = Waits.HEAD) -> None:
        self.since, self.waits, self.closed = since, waits, False

    @property
    def standing(self) -> Standing | None:
        return None if self.since is None else Standing(self.waits, self.since)

    def evict(self) -> bool:
        self.closed = True
        return True


def full(*opened: Connection) -> Connections[Connection]:
    connections: Connections[Connection] = Connections(LIMIT)
    assert all(connections.add(one, 0.0) for one in opened)
    return connections


def test_the_one_that_has_waited_longest_is_closed() -> None:
    first, second, third = opened = Connection(5.0), Connection(3.0), Connection(4.0)
    connections = full(*opened)
    assert connections.add(Connection(10.0), 10.0)
    assert (first.closed, second.closed, third.closed) == (False, True, False)
    assert len(connections) == LIMIT


def test_an_idle_connection_is_closed_before_one_whose_request_has_begun() -> None:
    slow, idle = Connection(1.0), Connection(8.0, Waits.REQUEST)
    connections = full(slow, idle, Connection(None))
    assert connections.add(Connection(10.0), 10.0)
    assert (slow.closed, idle.closed) == (False, True)


def test_a_connection_that_waits_for_the_server_is_not_closed() -> None:
    connections = full(*(Connection(None) for _ in range(LIMIT)))
    assert not connections.add(Connection(10.0), 10.0)


def test_others_are_found_when_those_found_before_no_longer_wait() -> None:
    """Otherwise a newcomer was turned away although connections could be closed."""
    first, second, third = opened = Connection(1.0), Connection(2.0), Connection(3.0)
    connections = full(*opened)
    assert connections.add(newcomer := Connection(None), 10.0)
    assert first.closed
    second.since, third.since = 9.0, None  # it has sent a request since it was found; the other one is answered now
    assert connections.add(Connection(10.0), 20.0)
    assert (second.closed, third.closed, newcomer.closed) == (True, False, False)


def test_connections_of_two_protocols_have_one_limit() -> None:
    idle = Connection(1.0, Waits.REQUEST)
    first, other = full(idle, Connection(2.0)), Connections[Connection]()
    first.share_limit(other)
    assert other.add(Connection(3.0), 9.0)
    assert not idle.closed
    assert other.add(Connection(10.0), 10.0)
    assert idle.closed
    assert (len(first), len(other)) == (1, 2)
