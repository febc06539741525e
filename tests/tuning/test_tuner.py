"""Tuning a real model under load: what is better is found, and it is said when there is nothing to win."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lightship.batching import EngineCall, Results, Scheduler
from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import Engine, EngineOptions
from lightship.engines.base import SignatureReport
from lightship.engines.precision import why_missing
from lightship.engines.trial import cancel_trials
from lightship.engines.trial.pool import MEASURING_HELPERS
from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.tuning import Budget, Tuning, axes, tune, verification
from lightship.tuning.candidate import DEFAULT, Candidate, Workbench
from lightship.tuning.load import Load, Turn
from lightship.tuning.objective import Turns
from lightship.tuning.page import tuning_page

TOY = Path(__file__).parents[1] / "models" / "half_plus_two" / "123"
SHORT = Budget(seconds=3, repeats=5)
# On other processors, OpenVINO would compute in f32, so that nothing is loaded in bf16.
needs_bf16 = pytest.mark.skipif(why_missing("bf16") is not None, reason="this processor does not compute in bf16")


@pytest.fixture(autouse=True)
def _no_helper_stays() -> Iterator[None]:
    yield
    cancel_trials()
    MEASURING_HELPERS.stop_idle()


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    return EngineOptions(cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def bundle() -> Bundle:
    return open_bundle(TOY, "half_plus_two", 123)


class Slowed:
    """A scheduler that takes a while longer for each call."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def run(self, call: EngineCall) -> Results:
        threading.Event().wait(0.005)
        return self._scheduler.run(call)

    def try_run(self, calls: Any) -> list[None]:
        return [None] * len(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)


def tried(bundle: Bundle, options: EngineOptions, **more: Any) -> Tuning:
    return tune(bundle, options, callers=(1, 4), budget=SHORT, any_precision=False, **more)


def test_a_setting_that_is_clearly_better_is_found(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Workbench.default

    def slowed(bench: Workbench) -> Candidate:
        candidate = real(bench)
        candidate.scheduler = Slowed(candidate.scheduler)
        return candidate

    monkeypatch.setattr(Workbench, "default", slowed)
    steps: list[tuple[str, float]] = []
    found = tried(bundle, options, progress=lambda text, share: steps.append((text, share)))
    assert found.better, found.verdict
    assert found.best is not None
    assert found.decision is not None
    assert found.best.gain == found.decision.median > 1.5
    assert len(found.decision.ratios) == SHORT.repeats
    assert any(one.taken for one in found.trials)
    assert found.to_json()["setting"]["text"] == str(found.best)
    assert all(0 <= share <= 1 for _, share in steps)
    page = tuning_page(found)
    assert page.startswith("<!doctype html>")
    assert str(found.best) in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)


def test_it_says_when_there_is_nothing_to_win(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Workbench.candidate

    def slowed(bench: Workbench, setting: Any) -> Candidate:
        candidate = real(bench, setting)
        candidate.scheduler = Slowed(candidate.scheduler)
        return candidate

    monkeypatch.setattr(Workbench, "candidate", slowed)
    found = tried(bundle, options)
    assert not found.better
    assert found.best is None
    assert found.trials, found.skipped
    assert not any(one.taken for one in found.trials)
    assert found.verdict == "there is nothing to win: no setting did better than the default"
    assert found.to_json()["setting"] is None
    assert "There is nothing to win" in tuning_page(found)


def test_what_only_seems_better_while_it_is_tried_is_not_kept(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady = Turn(rate=100, p50=0.01, p95=0.01, p99=0.01, calls=100)
    lucky = replace(steady, rate=150)
    comparing = False

    def turns(candidate: Candidate, load: Load, callers: Sequence[int], seconds: float) -> Turns:
        seems_better = candidate.setting != DEFAULT and not comparing
        return dict.fromkeys(callers, lucky if seems_better else steady)

    def progress(text: str, share: float) -> None:
        nonlocal comparing
        comparing = text.startswith("comparing")

    monkeypatch.setattr(Candidate, "turns", turns)
    found = tried(bundle, options, progress=progress)
    assert any(one.taken for one in found.trials)
    assert not found.better
    assert re.match(
        "there is nothing to win: of all settings, .* did best, but it gains no more than noise", found.verdict
    )
    assert found.to_json()["setting"] is None


def test_a_signature_that_does_not_exist_is_named(bundle: Bundle, options: EngineOptions) -> None:
    with pytest.raises(InvalidArgument, match='has no signature "nope": it has .*serving_default'):
        tune(bundle, options, signature="nope")


def test_other_precisions_are_tried_only_where_the_processor_has_them(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped: list[tuple[str, str]] = []
    bench = Workbench(bundle, bundle.saved_model.signatures[DEFAULT_SIGNATURE], options, {})
    tries = axes.Axes(bench, "openvino", 1, any_precision=True, skip=lambda *why: skipped.append(why))
    monkeypatch.setattr(axes, "precisions", lambda: ("f32",))
    assert list(tries.all()[0].settings(DEFAULT)) == []
    assert skipped == [("other precisions", "this processor has none that is faster")]


@needs_bf16
@pytest.mark.tensorflow
def test_a_precision_is_tried_if_it_was_compared_with_tensorflow(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axes, "precisions", lambda: ("f32", "bf16"))
    found = tune(bundle, options, callers=(1,), budget=Budget(3, 3))
    assert "bf16" in {one.setting.precision for one in found.trials}


@needs_bf16
def test_a_precision_that_nothing_verifies_is_not_tried(
    bundle: Bundle, options: EngineOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(axes, "precisions", lambda: ("f32", "bf16"))
    monkeypatch.setattr(verification, "_PROVEN", ())
    found = tune(bundle, options, callers=(1,), budget=Budget(3, 3))
    assert "no golden sample and no TensorFlow" in dict(found.skipped)["1 stream, bf16"]
    assert found.best is None or found.best.precision == "f32"


@pytest.mark.parametrize(
    ("engine", "proof", "why"),
    [
        ("openvino", "compared with TensorFlow", None),
        ("openvino", "table only", "there is no golden sample and no TensorFlow to verify it with"),
        ("litert", "compared with TensorFlow", "the signature runs on litert, which has no other precision"),
    ],
)
def test_a_precision_needs_a_comparison(bundle: Bundle, engine: str, proof: str, why: str | None) -> None:
    reports = (SignatureReport(DEFAULT_SIGNATURE, engine, "", proof),)
    loaded = cast(Engine, SimpleNamespace(reports=lambda: reports))
    signature = bundle.saved_model.signatures[DEFAULT_SIGNATURE]
    assert verification.verify(bundle, signature, loaded, EngineOptions(precision="bf16")) == why


def test_threads_and_streams_to_try_follow_the_processors() -> None:
    assert axes.fewer_threads(1) == []
    assert axes.fewer_threads(2) == [1]
    assert axes.fewer_threads(16) == [15, 8]
    assert axes.numbers_of_streams(1) == [1]
    assert axes.numbers_of_streams(16) == [16, 1]
    assert axes.numbers_of_streams(16, finely=True) == [16, 8, 4, 1]


def test_the_default_is_no_setting_of_its_own() -> None:
    assert DEFAULT.on(EngineOptions()) == EngineOptions()
