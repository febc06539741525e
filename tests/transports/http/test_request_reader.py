from __future__ import annotations

import pytest

from lightship.errors import TooLarge, Unavailable
from lightship.memory_budget import MemoryBudget
from lightship.transports.http.limits import Limits
from lightship.transports.http.request_reader import RequestReader

LIMITS = Limits(image=1 << 20, json=4 << 20)


def test_a_request_is_handed_over_whole() -> None:
    reader = RequestReader(LIMITS, MemoryBudget(1 << 20))
    reader.method, reader.target = "POST", "/v1/models/m:predict?x=1"
    reader.add(b"ab")
    reader.add(b"c")
    request = reader.request()
    assert (request.body, request.path, request.query) == (b"abc", "/v1/models/m:predict", "x=1")


def test_a_body_without_room_is_refused_and_gives_back_what_it_took() -> None:
    budget = MemoryBudget(1 << 20)
    budget.reservation().grow(1 << 19)
    reader = RequestReader(LIMITS, budget)
    reader.add(bytes(1 << 18))
    assert budget.taken == (1 << 19) + (1 << 18)
    with pytest.raises(Unavailable, match="Try again in 1 s"):
        reader.add(bytes(1 << 19))
    reader.release()
    assert budget.taken == 1 << 19


def test_a_declared_body_that_cannot_fit_is_refused_before_any_of_it_is_read() -> None:
    budget = MemoryBudget(1 << 20)
    reader = RequestReader(LIMITS, budget)
    reader.declared = (1 << 20) + 1
    with pytest.raises(TooLarge, match="1048577 bytes.*1048576 bytes.*--memory-budget"):
        reader.check_declared(budget)
    reader.declared = 1 << 20
    reader.check_declared(budget)
    budget.reservation().grow(1 << 19)
    with pytest.raises(Unavailable):
        reader.check_declared(budget)
    assert budget.taken == 1 << 19


def test_a_small_request_is_counted_only_if_it_stays() -> None:
    budget = MemoryBudget(1 << 20)
    reader = RequestReader(LIMITS, budget)
    reader.add(bytes(1000))
    assert budget.taken == 0
    reader.keep(100)
    assert budget.taken >= 1100
    reader.release()
    assert budget.taken == 0


def test_the_objects_of_many_headers_are_counted() -> None:
    budget = MemoryBudget(8 << 20)
    reader = RequestReader(LIMITS, budget)
    reader.headers += [(b"a", b"b")] * 10_000
    reader.keep(60_000)
    assert budget.taken > 1_500_000


@pytest.mark.parametrize(("kind", "limit"), [(b"image/png", 1 << 20), (b"text/plain", 4 << 20)])
def test_a_body_beyond_the_limit_of_its_kind_is_refused_as_soon_as_it_is(kind: bytes, limit: int) -> None:
    budget = MemoryBudget(1 << 30)
    reader = RequestReader(LIMITS, budget)
    reader.headers.append((b"content-type", kind))
    reader.declared = limit
    reader.check_declared(budget)
    reader.add(bytes(limit))
    with pytest.raises(TooLarge, match=str(limit)):
        reader.add(b"x")
    reader.declared = limit + 1
    with pytest.raises(TooLarge, match="--max-request-bytes"):
        reader.check_declared(budget)
