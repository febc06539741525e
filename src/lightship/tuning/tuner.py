"""Tries settings one property after the other, and compares the best one with the default at the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from lightship.bundle.bundle import Bundle
from lightship.engines import EngineOptions
from lightship.engines.base import Arrays
from lightship.engines.comparison import random_inputs
from lightship.engines.timing import resident
from lightship.engines.tuned import TunedSetting
from lightship.errors import InvalidArgument, LightshipError
from lightship.memory import available_memory
from lightship.processors import available_cpus
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature
from lightship.tuning.axes import Axes, Axis
from lightship.tuning.candidate import DEFAULT, Candidate, CannotTry, Workbench
from lightship.tuning.decision import MIN_GAIN, decide
from lightship.tuning.load import Load, rows_of
from lightship.tuning.objective import Objective, Turns
from lightship.tuning.result import Trial, Tuning

# Is told what is done now, and which share of the time has passed.
Progress = Callable[[str, float], None]

# The share of the time for trying settings; the rest is for the comparison with the default.
_TRYING = 0.6
# Turns of settings that are tried are so many times shorter than the whole time, within these limits in seconds.
_TURNS, _LEAST_TURN, _MOST_TURN = 300, 0.05, 1.0
# A setting is tried in at least so many rounds before it may become the best one, if there is time.
_ROUNDS = 5
_ROUNDS_BEFORE_HALVING = 2
# The share of its rounds that the best setting of a property must have won.
_WON = 0.75
_MAX_PAYLOADS = 16
# The share of the memory up to which settings are loaded beside each other.
_MEMORY = 0.6


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to try, and how often to compare at the end."""

    # Seconds under load. Loading and compiling settings takes longer.
    seconds: float = 60.0
    # How often the best setting and the default are compared; at least 3.
    repeats: int = 10


_THROUGHPUT, _BUDGET = Objective(), Budget()


def tune(
    bundle: Bundle,
    options: EngineOptions,
    *,
    signature: str = DEFAULT_SIGNATURE,
    objective: Objective = _THROUGHPUT,
    callers: Sequence[int] = (1, 4, 16),
    budget: Budget = _BUDGET,
    any_precision: bool = True,
    progress: Progress = lambda text, share: None,
) -> Tuning:
    """Finds the best setting of a version on this host, for one signature. Keeps nothing.

    callers: how many calls are made at once, in turn. any_precision: whether other precisions than f32 are tried.
    Raises InvalidArgument for a signature that does not exist or whose inputs cannot be guessed, and the errors of a
    server that cannot load the version.
    """
    found = bundle.saved_model.signatures.get(signature)
    if found is None:
        known = ", ".join(sorted(bundle.saved_model.signatures)) or "none"
        raise InvalidArgument(f'{bundle.path} has no signature "{signature}": it has {known}')
    sample = _sample(bundle, found)
    tuner = _Tuner(bundle, found, options, sample, objective, tuple(callers), budget, progress)
    return tuner.tune(any_precision)


class _Tuner:
    def __init__(
        self,
        bundle: Bundle,
        signature: Signature,
        options: EngineOptions,
        sample: Arrays,
        objective: Objective,
        callers: Sequence[int],
        budget: Budget,
        progress: Progress,
    ) -> None:
        self._bench = Workbench(bundle, signature, options, sample, min(1.0, budget.seconds / 60))
        self._load = Load(signature.name, rows_of(sample, _MAX_PAYLOADS))
        self._objective, self._callers, self._budget = objective, callers, budget
        self._progress = progress
        self._used = 0.0  # seconds under load
        self._until = 0.0  # the seconds under load until which the settings of the present axis are tried
        self._random = random.Random(0)
        self._result = Tuning(
            *(bundle.path, bundle.name, bundle.version, signature.name, "", available_cpus(), objective, callers)
        )

    def tune(self, any_precision: bool) -> Tuning:
        self._say("loading the default")
        with self._bench.default() as default:
            self._result.engine = default.engine.engine_of(self._bench.signature.name)
            default.warm_up(self._load, self._callers)
            streams = self._bench.default_streams(default)
            axes = Axes(self._bench, self._result.engine, streams, any_precision=any_precision, skip=self._skip)
            best = DEFAULT
            try:
                for axis in axes.all():
                    self._until += axis.share * _TRYING * self._budget.seconds
                    best = self._try_axis(axis, best, default)
                    self._bench.forget_models()
                if best != DEFAULT:
                    self._compare(best, default)
            except CannotTry as error:  # it could be loaded before
                self._skip(str(best), str(error))
        return self._result

    def _try_axis(self, axis: Axis, best: TunedSetting, default: Candidate) -> TunedSetting:
        """Returns the best setting of an axis: the best one until now, unless another one did better."""
        with ExitStack() as stack:
            challengers = self._open(axis, best, stack)
            if not challengers:
                return best
            incumbent = default if best == DEFAULT else stack.enter_context(self._bench.candidate(best))
            self._warm_up(incumbent)
            tried = self._rounds(axis, incumbent, challengers)
        rounds = max(len(one.ratios) for one in tried)  # those that gave up earlier are not the best ones
        winner = max((one for one in tried if len(one.ratios) == rounds), key=lambda one: one.ratio)
        won = sum(ratio > 1 for ratio in winner.ratios)
        taken = winner if winner.ratio > 1 + MIN_GAIN and won >= _WON * rounds else None
        self._result.trials += [replace(one, taken=one is taken) for one in tried]
        return best if taken is None else taken.setting

    def _open(self, axis: Axis, best: TunedSetting, stack: ExitStack) -> list[Candidate]:
        """Opens the settings of an axis and warms them up, as far as time and memory allow."""
        opened: list[Candidate] = []
        start = before = resident()
        most = 0
        settings = axis.settings(best)
        while (setting := self._next(axis, settings)) is not None:
            if opened and resident() + most > _MEMORY * available_memory():
                self._skip(str(setting), f"memory: {len(opened)} other settings are loaded, which take {_size(start)}")
                continue
            try:
                self._say(f"{axis.name}: loading {setting}")
                candidate = stack.enter_context(self._bench.candidate(setting))
                self._warm_up(candidate)
            except (CannotTry, LightshipError) as error:
                self._skip(str(setting), str(error))
                continue
            opened.append(candidate)
            most, before = max(most, resident() - before), resident()
        return opened

    def _next(self, axis: Axis, settings: Iterator[TunedSetting]) -> TunedSetting | None:
        if self._left_to_try() <= 0:
            self._skip(axis.name, "no time was left: give more --seconds")
            return None
        self._say(f"{axis.name}: measuring runs")
        return next(settings, None)

    def _rounds(self, axis: Axis, incumbent: Candidate, challengers: Sequence[Candidate]) -> list[Trial]:
        """Compares settings in rounds, in which each has a turn. Every few rounds, the worse half gives up."""
        seconds = min(_MOST_TURN, max(_LEAST_TURN, self._budget.seconds / _TURNS))
        ratios: dict[int, list[float]] = {index: [] for index in range(len(challengers))}
        left = list(ratios)
        for number in range(1, _ROUNDS * 4):
            if number > 1 and self._left_to_try() <= 0:
                break
            turns = self._round(axis, {-1: incumbent, **{one: challengers[one] for one in left}}, seconds)
            for one in left:
                ratios[one].append(self._objective.ratio(turns[one], turns[-1]))
            if len(left) == 1 and number >= _ROUNDS:
                break
            if number % _ROUNDS_BEFORE_HALVING == 0 and len(left) > 1:
                left = sorted(left, key=lambda one: -median(ratios[one]))[: (len(left) + 1) // 2]
        return [Trial(axis.name, challengers[one].setting, ratios[one], False) for one in ratios]

    def _round(self, axis: Axis, candidates: dict[int, Candidate], seconds: float) -> dict[int, Turns]:
        order = list(candidates)
        self._random.shuffle(order)
        turns = {}
        for one in order:
            self._say(f"{axis.name}: {candidates[one].setting}")
            turns[one] = self._turns(candidates[one], seconds)
        return turns

    def _compare(self, best: TunedSetting, default: Candidate) -> None:
        """Compares the best setting with the default, in turns that alternate."""
        result, repeats = self._result, max(3, self._budget.repeats)
        best_turns, default_turns = list[Turns](), list[Turns]()
        with self._bench.candidate(best) as candidate:
            self._warm_up(candidate)
            self._warm_up(default)
            left = self._budget.seconds - self._used
            seconds = min(_MOST_TURN, max(2 * _LEAST_TURN, left / (2 * repeats * len(self._callers))))
            for number in range(repeats):
                self._say(f"comparing {best} with the default, {number + 1} of {repeats}")
                pair = [(candidate, best_turns), (default, default_turns)]
                for one, turns in pair if number % 2 else reversed(pair):
                    turns.append(self._turns(one, seconds))
        decision = decide(self._objective, best_turns, default_turns)
        found = replace(best, signature=result.signature, engine=result.engine, gain=decision.median)
        result.best = replace(found, objective=str(self._objective), made=time.time())
        result.decision, result.best_turns, result.default_turns = decision, best_turns, default_turns

    def _warm_up(self, candidate: Candidate) -> None:
        begun = time.monotonic()
        candidate.warm_up(self._load, self._callers)
        self._used += time.monotonic() - begun

    def _turns(self, candidate: Candidate, seconds: float) -> Turns:
        begun = time.monotonic()
        turns = candidate.turns(self._load, self._callers, seconds)
        self._used += time.monotonic() - begun
        return turns

    def _left_to_try(self) -> float:
        return self._until - self._used

    def _say(self, text: str) -> None:
        self._progress(text, min(1.0, self._used / self._budget.seconds))

    def _skip(self, setting: str, reason: str) -> None:
        self._result.skipped.append((setting, reason))


def _sample(bundle: Bundle, signature: Signature) -> dict[str, Any]:
    """Returns the inputs of the golden sample, or random rows. Raises InvalidArgument if none can be guessed."""
    golden = bundle.golden if signature.name == DEFAULT_SIGNATURE else None
    if golden is not None and golden.inputs:
        return dict(golden.inputs)
    guessed = random_inputs(signature, _MAX_PAYLOADS, np.random.default_rng(0))
    if guessed is None or not guessed:
        raise InvalidArgument(
            f'no inputs can be made up for the signature "{signature.name}", which takes strings or very large arrays: '
            "export the model with a golden sample, or tune another signature with --signature"
        )
    return guessed


def _size(start: int) -> str:
    return f"{(resident() - start) >> 20} MiB"
