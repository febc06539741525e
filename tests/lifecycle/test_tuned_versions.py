"""A version is loaded with the setting that was tuned for it, and without one that does not work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightship.batching import Scheduler
from lightship.engines import EngineOptions
from lightship.engines.base import Figures
from lightship.engines.cache_keys import digest_of_folder
from lightship.engines.openvino import measured
from lightship.engines.trial import cancel_trials
from lightship.engines.tuned import TunedSetting, settings_for
from lightship.errors import FailedPrecondition
from lightship.lifecycle import Loader, LoadOptions, Servable, ServableId
from lightship.lifecycle.version_copy import VersionCopy
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.services.status import signature_reports

TOY = Path(__file__).parents[1] / "models" / "half_plus_two" / "123"
ID = ServableId("half_plus_two", 123)
FIGURES = Figures(DEFAULT_SIGNATURE, ((1, 0.002), (2, 0.0021), (4, 0.0022)))
SETTING = TunedSetting(threads=1, streams=1, rows=4, one_row="never", precision="f32", figures=FIGURES)


@pytest.fixture(autouse=True)
def _no_helper_stays() -> Iterator[None]:
    yield
    cancel_trials()


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(cache_dir=tmp_path)


def keep(options: EngineOptions, setting: TunedSetting = SETTING) -> None:
    settings_for(options).keep(digest_of_folder(TOY), setting)


def load(options: EngineOptions) -> Servable:
    servable = Loader(LoadOptions(engine=options)).load(ID, TOY)
    answer = servable.engine.run(DEFAULT_SIGNATURE, {"x": np.array([2.0], np.float32)})
    assert [array.tolist() for array in answer.values()] == [[3.0]]
    return servable


def test_the_setting_is_used_and_nothing_is_measured(
    options: EngineOptions, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(measured.Measured, "_measure", None)  # would fail
    keep(options)
    servable = load(options)
    joining = servable.engine.joining(DEFAULT_SIGNATURE)
    assert joining is not None
    assert dict(joining.costs) == dict(FIGURES.costs)
    assert servable.tuned == "1 thread, 1 stream, batches of up to 4 rows, no model for one row"
    assert f"uses a setting of `lightship tune`: {servable.tuned}" in caplog.text
    reasons = {report.signature: report.reason for report in signature_reports(servable)}
    assert reasons[DEFAULT_SIGNATURE].endswith(f"; tuned: {servable.tuned}")
    servable.close()


def test_calls_are_joined_by_what_was_tuned(options: EngineOptions) -> None:
    several = Figures(DEFAULT_SIGNATURE, FIGURES.costs, 2, ((1, 0.003), (2, 0.0031)))
    keep(options, replace(SETTING, streams=2, figures=several))
    servable = load(options)
    joining = servable.engine.joining(DEFAULT_SIGNATURE)
    assert joining is not None
    assert (joining.streams, dict(joining.costs)) == (2, {1: 0.003, 2: 0.0031})
    servable.close()


def test_without_a_setting_nothing_is_said(options: EngineOptions, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    servable = load(options)
    assert servable.tuned == ""
    assert "lightship tune" not in caplog.text
    servable.close()


def test_it_is_not_used_if_that_was_turned_off_or_others_were_chosen(options: EngineOptions) -> None:
    keep(options)
    for chosen in (replace(options, tuned=False), replace(options, threads=2)):
        servable = load(chosen)
        assert servable.tuned == ""
        servable.close()


def test_a_setting_that_does_not_work_costs_no_answer(options: EngineOptions, caplog: pytest.LogCaptureFixture) -> None:
    keep(options, replace(SETTING, precision="f7"))
    servable = load(options)
    assert servable.tuned == ""
    assert servable.engine.name == "openvino"
    assert "cannot be loaded with the setting of `lightship tune`" in caplog.text
    servable.close()


def test_a_copy_stays_until_it_is_closed_if_the_setting_does_not_work(options: EngineOptions) -> None:
    keep(options, replace(SETTING, precision="f7"))
    removed: list[str] = []
    copy = VersionCopy(TOY, {}, lambda: removed.append("copy"))
    servable = Loader(LoadOptions(engine=options), copy=lambda id, path: copy).load(ID, TOY)
    assert (servable.tuned, removed) == ("", [])
    servable.close()
    assert removed == ["copy"]


def test_a_copy_is_removed_once_if_the_version_cannot_be_loaded_at_all(options: EngineOptions) -> None:
    def fail(*given: object) -> Scheduler:
        raise FailedPrecondition("no scheduler")

    keep(options)
    removed: list[str] = []
    copy = VersionCopy(TOY, {}, lambda: removed.append("copy"))
    with pytest.raises(FailedPrecondition, match="no scheduler"):
        Loader(LoadOptions(engine=options), copy=lambda id, path: copy, schedulers=fail).load(ID, TOY)
    assert removed == ["copy"]
