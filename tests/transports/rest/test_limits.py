from __future__ import annotations

from lightship.transports.http.limits import Budget, Limits


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
