from __future__ import annotations

from typing import Any

import pytest

from lightship.client import flow
from lightship.client.flow import Deadline, Pause, Send, send_with_retries


def carried_out(deadline: Deadline, retries: int, pause: Any) -> list[Any]:
    """The steps of `send_with_retries` if every request fails."""
    steps: list[Any] = []

    def carry_out() -> Any:
        run = send_with_retries("request", deadline, retries, pause)
        step: Any = next(run)
        while True:
            steps.append(step)
            step = run.send("failure" if isinstance(step, Send) else None)

    with pytest.raises(StopIteration, match="failure"):
        carry_out()
    return steps


def test_pauses_grow_up_to_a_limit() -> None:
    steps = carried_out(Deadline(None), 20, lambda outcome, backoff: backoff)
    pauses = [step.seconds for step in steps if isinstance(step, Pause)]
    assert len(pauses) == 20
    assert 0 < pauses[0] <= flow.MIN_PAUSE < pauses[-1] <= flow.MAX_PAUSE


def test_what_may_not_be_repeated_is_not() -> None:
    assert len(carried_out(Deadline(None), 5, lambda outcome, backoff: None)) == 1


def test_a_pause_that_the_deadline_does_not_allow_is_not_made() -> None:
    assert len(carried_out(Deadline(1.0), 5, lambda outcome, backoff: 2.0)) == 1
