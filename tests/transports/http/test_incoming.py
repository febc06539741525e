from __future__ import annotations

import pytest

from lightship.errors import TooLarge, Unavailable
from lightship.transports.http.incoming import Incoming
from lightship.transports.http.limits import Budget, Limits

LIMITS = Limits(image=1 << 20, json=4 << 20)


def test_a_request_is_handed_over_whole() -> None:
    incoming = Incoming(LIMITS, Budget(1 << 20))
    incoming.method, incoming.target = "POST", "/v1/models/m:predict?x=1"
    incoming.add(b"ab")
    incoming.add(b"c")
    request = incoming.request()
    assert (request.body, request.path, request.query) == (b"abc", "/v1/models/m:predict", "x=1")


def test_a_body_without_room_is_refused_and_gives_back_what_it_took() -> None:
    budget = Budget(1 << 20)
    budget.take(1 << 19, 0)
    incoming = Incoming(LIMITS, budget)
    incoming.add(bytes(1 << 18))
    assert budget.taken == (1 << 19) + (1 << 18)
    with pytest.raises(Unavailable, match="try again soon"):
        incoming.add(bytes(1 << 19))
    incoming.release()
    assert budget.taken == 1 << 19


@pytest.mark.parametrize(("kind", "limit"), [(b"image/png", 1 << 20), (b"text/plain", 4 << 20)])
def test_a_body_beyond_the_limit_of_its_kind_is_refused_as_soon_as_it_is(kind: bytes, limit: int) -> None:
    incoming = Incoming(LIMITS, Budget(1 << 30))
    incoming.headers.append((b"content-type", kind))
    incoming.declared = limit
    incoming.check_declared()
    incoming.add(bytes(limit))
    with pytest.raises(TooLarge, match=str(limit)):
        incoming.add(b"x")
    incoming.declared = limit + 1
    with pytest.raises(TooLarge, match="--max-request-bytes"):
        incoming.check_declared()
