"""Handles keep a servable; the last one out reports."""

from __future__ import annotations

from typing import cast

import pytest

from lightship.lifecycle.handle import Lease
from lightship.lifecycle.servable import Servable


@pytest.fixture
def lease() -> Lease:
    return Lease(cast(Servable, object()))


def test_it_is_drained_when_the_last_handle_is_released(lease: Lease) -> None:
    drained: list[bool] = []
    first, second = lease.handle(), lease.handle()
    assert first is not None
    assert second is not None
    lease.retire(lambda: drained.append(True))
    first.release()
    assert drained == []
    second.release()
    assert drained == [True]


def test_releasing_twice_counts_once(lease: Lease) -> None:
    drained: list[bool] = []
    first, second = lease.handle(), lease.handle()
    assert first is not None
    assert second is not None
    first.release()
    first.release()
    lease.retire(lambda: drained.append(True))
    assert drained == []
    with second:
        assert drained == []
    assert drained == [True]


def test_one_that_nobody_holds_is_drained_at_once_and_gives_no_more(lease: Lease) -> None:
    drained: list[bool] = []
    lease.retire(lambda: drained.append(True))
    assert drained == [True]
    assert lease.handle() is None
