from __future__ import annotations

import pytest

from lightship.errors import TooLarge, Unavailable
from lightship.transports.http.limits import Budget, Limits
from lightship.transports.http.request_reader import RequestReader

LIMITS = Limits(image=1 << 20, json=4 << 20)


def test_a_request_is_handed_over_whole() -> None:
    reader = RequestReader(LIMITS, Budget(1 << 20))
    reader.method, reader.target = "POST", "/v1/models/m:predict?x=1"
    reader.add(b"ab")
    reader.add(b"c")
    request = reader.request()
    assert (request.body, request.path, request.query) == (b"abc", "/v1/models/m:predict", "x=1")


def test_a_body_without_room_is_refused_and_gives_back_what_it_took() -> None:
    budget = Budget(1 << 20)
    budget.take(1 << 19, 0)
    reader = RequestReader(LIMITS, budget)
    reader.add(bytes(1 << 18))
    assert budget.taken == (1 << 19) + (1 << 18)
    with pytest.raises(Unavailable, match="try again soon"):
        reader.add(bytes(1 << 19))
    reader.release()
    assert budget.taken == 1 << 19


@pytest.mark.parametrize(("kind", "limit"), [(b"image/png", 1 << 20), (b"text/plain", 4 << 20)])
def test_a_body_beyond_the_limit_of_its_kind_is_refused_as_soon_as_it_is(kind: bytes, limit: int) -> None:
    reader = RequestReader(LIMITS, Budget(1 << 30))
    reader.headers.append((b"content-type", kind))
    reader.declared = limit
    reader.check_declared()
    reader.add(bytes(limit))
    with pytest.raises(TooLarge, match=str(limit)):
        reader.add(b"x")
    reader.declared = limit + 1
    with pytest.raises(TooLarge, match="--max-request-bytes"):
        reader.check_declared()
