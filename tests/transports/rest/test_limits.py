from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from lightship.errors import DeadlineExceeded, Unavailable
from lightship.transports.rest.body import Body
from lightship.transports.rest.limits import Budget, Limits


def client(*pieces: bytes, stalls: bool = False) -> Any:
    left = list(pieces)

    async def receive() -> MutableMapping[str, Any]:
        if not left and stalls:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or stalls}

    return receive


def test_an_image_has_its_own_limit() -> None:
    limits = Limits(image=1, json=2)
    assert (limits.of("Image/JPEG"), limits.of("application/json"), limits.of("")) == (1, 2, 2)


def test_the_first_large_body_finds_room_and_the_next_does_not() -> None:
    budget = Budget(1 << 20)
    assert budget.take(2 << 20, 0)
    assert not budget.take(1 << 19, 0)
    assert budget.take(1 << 10, 0)  # a small one
    budget.give_back((2 << 20) + (1 << 10))
    assert budget.take(1 << 19, 0)


def test_a_body_without_room_is_refused_and_gives_back_what_it_took() -> None:
    budget = Budget(1 << 20)
    budget.take(1 << 19, 0)
    body = Body(client(bytes(1 << 18), bytes(1 << 19)), budget, 1 << 30, 1.0)
    with pytest.raises(Unavailable, match="try again soon"):
        asyncio.run(body.read(None))
    body.release()
    assert budget.taken == 1 << 19


@pytest.mark.parametrize("sent", [(b"abc",), ()], ids=["half-way", "before the first byte"])
def test_a_client_that_stalls_is_given_up(sent: tuple[bytes, ...]) -> None:
    body = Body(client(*sent, stalls=True), Budget(1 << 20), 1 << 20, 0.05)
    with pytest.raises(DeadlineExceeded, match="0.05 seconds"):
        asyncio.run(body.read(b"10"))
