"""Settings of `lightship tune` are kept whole, belong to a model and a host, and are not used if they do not fit."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lightship.engines import EngineOptions, tuned
from lightship.engines.base import Figures
from lightship.engines.cache_keys import digest_of_folder
from lightship.engines.tuned import TunedSetting, TunedSettings, chosen_options, settings_for, tuned_setting
from lightship.errors import FailedPrecondition

TOY = Path(__file__).parents[1] / "models" / "half_plus_two" / "123"
FIGURES = Figures("serving_default", ((1, 0.002), (2, 0.003)), 2, ((1, 0.0025), (2, 0.004)))
SETTING = TunedSetting(1, 2, 2, "never", "f32", figures=FIGURES, gain=1.25, objective="latency", made=1e9)
SHOWN = Path("models/dog/1")


def records(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged of settings. Engines of other tests may log something in the background."""
    return [one for one in caplog.records if one.name == tuned.logger.name]


@pytest.fixture
def settings(tmp_path: Path) -> TunedSettings:
    return TunedSettings(tmp_path / "tuned")


def test_what_is_kept_is_found_again(settings: TunedSettings) -> None:
    file = settings.keep("a" * 64, SETTING)
    assert settings.find("a" * 64, SHOWN) == SETTING
    assert settings.find("b" * 64, SHOWN) is None
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_new_setting_replaces_the_old_one(settings: TunedSettings) -> None:
    settings.keep("a" * 64, SETTING)
    settings.keep("a" * 64, replace(SETTING, threads=3))
    found = settings.find("a" * 64, SHOWN)
    assert found is not None
    assert found.threads == 3
    assert len(settings.files()) == 1


def test_a_setting_that_is_forgotten_or_dropped_is_gone(settings: TunedSettings) -> None:
    settings.keep("a" * 64, SETTING)
    settings.keep("b" * 64, SETTING)
    assert settings.forget("a" * 64) == 1
    assert settings.forget("a" * 64) == 0
    settings.drop("b" * 64)
    settings.drop("b" * 64)
    assert settings.files() == []


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 2}', "\0" * 100, "changed", "none"])
def test_a_damaged_file_is_not_used_and_the_log_says_so(
    settings: TunedSettings, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    file = settings.keep("a" * 64, SETTING)
    content = json.loads(file.read_text())
    if damage == "changed":
        content["setting"]["threads"] = 64
        damage = json.dumps(content)
    elif damage == "none":
        del content["setting"]
        damage = json.dumps({**content, "digest": tuned._digest({k: v for k, v in content.items() if k != "digest"})})
    file.write_text(damage)
    assert settings.find("a" * 64, SHOWN) is None
    assert len(records(caplog)) == 1
    assert "models/dog/1" in caplog.text
    assert "not used" in caplog.text


@pytest.mark.parametrize(
    "wrong", [{"threads": -1}, {"streams": True}, {"rows": 1.5}, {"gain": 0}, {"figures": {"streams": 2}}]
)
def test_numbers_that_cannot_be_are_damage(settings: TunedSettings, wrong: dict[str, object]) -> None:
    file = settings.keep("a" * 64, SETTING)
    content = json.loads(file.read_text())
    del content["digest"]
    if "figures" in wrong:
        content["setting"]["figures"] |= {"streams": 2, "costs": []}
    else:
        content["setting"] |= wrong
    file.write_text(json.dumps({**content, "digest": tuned._digest(content)}))
    assert settings.find("a" * 64, SHOWN) is None


def test_a_setting_of_another_host_is_not_used_and_the_log_says_so(
    settings: TunedSettings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(tuned, "available_cpus", lambda: 1000)
    settings.keep("a" * 64, SETTING)
    monkeypatch.undo()
    assert settings.find("a" * 64, SHOWN) is None
    assert len(records(caplog)) == 1
    assert "1000 processors" in caplog.text
    assert "run `lightship tune`" in caplog.text
    assert settings.forget("a" * 64) == 1  # also that of another host


def test_a_setting_of_another_release_is_not_used(settings: TunedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned, "__version__", "0.0.1")
    settings.keep("a" * 64, SETTING)
    monkeypatch.undo()
    assert settings.find("a" * 64, SHOWN) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows says nothing of that in a folder's status")
def test_a_folder_that_others_may_write_to_is_not_used(
    settings: TunedSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.keep("a" * 64, SETTING)
    (tmp_path / "tuned").chmod(0o777)
    assert settings.find("a" * 64, SHOWN) is None
    assert "others may write to it" in caplog.text


def test_what_cannot_be_written_is_an_error_and_leaves_nothing(
    settings: TunedSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.keep("a" * 64, SETTING)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FailedPrecondition, match=r"No space left on device.*LIGHTSHIP_CACHE_DIR"):
        settings.keep("a" * 64, replace(SETTING, threads=3))
    assert settings.find("a" * 64, SHOWN) == SETTING
    assert len(list((tmp_path / "tuned").iterdir())) == 1


def test_without_a_home_folder_nothing_is_kept(tmp_path: Path) -> None:
    nowhere = TunedSettings(None)
    assert nowhere.find("a" * 64, SHOWN) is None
    assert nowhere.forget("a" * 64) == 0
    with pytest.raises(FailedPrecondition, match="LIGHTSHIP_CACHE_DIR"):
        nowhere.keep("a" * 64, SETTING)


def test_the_number_of_files_has_a_limit(settings: TunedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuned, "MAX_FILES", 3)
    for number in range(6):
        file = settings.keep(str(number) * 64, SETTING)
        os.utime(file, (number, number))
    assert [file.name[0] for file in settings.files()] == ["3", "4", "5"]


def test_a_setting_belongs_to_the_files_of_a_version(tmp_path: Path) -> None:
    version, options = shutil.copytree(TOY, tmp_path / "1"), EngineOptions(cache_dir=tmp_path / "cache")
    assert tuned_setting(version, options) is None
    settings_for(options).keep(digest_of_folder(version), SETTING)
    assert tuned_setting(version, options) == SETTING
    (version / "assets.extra").mkdir(exist_ok=True)
    (version / "assets.extra" / "more.txt").write_text("another model")
    assert tuned_setting(version, options) is None


@pytest.mark.parametrize(
    "chosen", [{"threads": 2}, {"streams": 1}, {"precision": "bf16"}, {"engine": "tensorflow"}, {"tuned": False}]
)
def test_options_that_somebody_chose_win(tmp_path: Path, chosen: dict[str, object]) -> None:
    options = EngineOptions(cache_dir=tmp_path / "cache")
    settings_for(options).keep(digest_of_folder(TOY), SETTING)
    assert tuned_setting(TOY, options) is not None
    assert tuned_setting(TOY, replace(options, **chosen)) is None  # type: ignore[arg-type]


def test_options_that_say_nothing_of_runs_do_not_count() -> None:
    assert chosen_options(EngineOptions(cache_dir=Path("x"), trial_seconds=1, low_priority=True)) == []
    assert chosen_options(EngineOptions(threads=1, streams=2)) == ["threads", "streams"]


def test_a_setting_is_told_in_words() -> None:
    assert str(SETTING) == "1 thread, 2 streams, batches of up to 2 rows, no model for one row"
    assert str(TunedSetting(0, 1, 1, "always", "bf16")) == "1 stream, no batches, a model for one row, bf16"
    assert str(TunedSetting(0, 0, 0, "auto", "f32")) == "the default"


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's rights away with setpriv")
def test_a_folder_that_this_user_may_not_look_into_has_no_settings(tmp_path: Path) -> None:
    """A version is loaded all the same, without a cache: such as HOME=/root in a container with another user."""
    closed = tmp_path / "closed"
    TunedSettings(closed / "tuned").keep("a" * 64, SETTING)
    closed.chmod(0)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lightship.engines import EngineOptions, load_engine\n"
        "from lightship.engines.tuned import settings_for, tuned_setting\n"
        "from lightship.saved_model.reader import read_saved_model\n"
        "folder, options = Path(sys.argv[1]), EngineOptions(cache_dir=Path(sys.argv[2]))\n"
        "print(settings_for(options).files(), settings_for(options).find(sys.argv[3], folder))\n"
        "print(tuned_setting(folder, options), load_engine(folder, read_saved_model(folder), options).name)\n"
    )
    limited = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    command = [*limited, sys.executable, "-c", code, str(TOY), str(closed), "a" * 64]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    finally:
        closed.chmod(0o700)
    assert done.stdout.split("\n")[:2] == ["[] None", "None openvino"], done.stderr
