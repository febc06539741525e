"""Asks a server everything about one model, and says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.equality.ask import Ask
from tests.equality.outcome import Outcome, Refusal, difference, read_outcomes, write_outcomes
from tests.equality.serving import ServerProcess, names_tensorflow, sayable_in_json
from tests.equality.tensorflow_answers import answers, save


class Case(NamedTuple):
    """An ask, the model that was saved of it, and what TensorFlow answers each of its calls."""

    ask: Ask
    model: Path
    expected: list[Outcome]


def prepare(ask: Ask, folder: Path) -> Case:
    """folder: of models; what is there already is taken from there.

    Raises AssertionError where TensorFlow itself does not do what the ask says.
    """
    version, kept = folder / ask.name / "1", folder / "expected" / f"{ask.name}.npz"
    if kept.exists():
        return Case(ask, version.parent, read_outcomes(kept))
    save(ask, version)
    expected = answers(ask, version)
    for call, outcome in zip(ask.calls, expected, strict=True):
        refused = isinstance(outcome, Refusal)
        assert not call.says or (refused and call.says in outcome.text), f"{ask.name}: {call}: TensorFlow: {outcome}"
    write_outcomes(kept, expected)
    return Case(ask, version.parent, expected)


def faults(server: ServerProcess, case: Case, *, tensorflow: bool) -> list[str]:
    """Over REST and gRPC. Without TensorFlow a refusal that says so is right too. Raises ServerEnded."""
    name = case.ask.name
    state, reason = server.state(name)
    if state != "AVAILABLE":
        return [] if not tensorflow and names_tensorflow(reason) else [f"not loaded: {state} {reason}"]
    found = []
    for call, expected in zip(case.ask.calls, case.expected, strict=True):
        transports = ("rest", "grpc") if sayable_in_json(call) else ("grpc",)
        for transport in transports:
            got = server.rest(name, call) if transport == "rest" else server.grpc(name, call)
            if not tensorflow and isinstance(got, Refusal) and names_tensorflow(got.text):
                continue
            wrong = difference(got, expected, call.says, rest=transport == "rest")
            if wrong:
                found.append(f"{transport} {call}: {wrong}")
    return found


def ready_seconds(cases: Sequence[Case]) -> float:
    """Enough on a busy machine of two cores."""
    return 30.0 + len(cases)
