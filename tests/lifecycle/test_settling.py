"""When the files of a version are complete."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest, write_manifest
from lightship.errors import InvalidArgument
from lightship.lifecycle import settling as settling_module
from lightship.lifecycle import version_files as version_files_module
from lightship.lifecycle.settling import Settling, default_settle_seconds
from lightship.saved_model.version_files import walk

LONG = 60.0  # longer than any test


@pytest.fixture
def version(tmp_path: Path) -> Path:
    (tmp_path / "1" / EXTRAS).mkdir(parents=True)
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"graph")
    return tmp_path / "1"


def reason(settling: Settling, version: Path) -> str:
    return settling.look(version).files.unsettled


class Clock:
    """The clock of the settling, which a test moves on."""

    def __init__(self) -> None:
        self.passed = 0.0

    def time(self) -> float:
        return time.time() + self.passed

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(settling_module, "time", made)
    return made


def test_new_files_wait_and_the_reason_names_the_newest(version: Path) -> None:
    (version / "labels.txt").write_text("late")
    os.utime(version / "saved_model.pb", (0, 0))
    text = reason(Settling(LONG), version)
    assert text.startswith("its files are still being written: ")
    assert "changed less than 1 s ago" in text


def test_files_that_are_old_enough_are_taken_at_the_first_look(version: Path, clock: Clock) -> None:
    clock.passed = LONG
    assert reason(Settling(LONG), version) == ""


def test_what_is_renamed_with_its_files_is_as_old_as_they_are(version: Path, clock: Clock) -> None:
    clock.passed = LONG
    os.utime(version, (clock.time() - LONG, clock.time() - LONG))  # a rename changes only when the folder changed
    assert reason(Settling(LONG), version.rename(version.with_name("2"))) == ""


def test_files_with_old_times_that_were_just_copied_wait(version: Path) -> None:
    """`cp -a` and `rsync -a` set the times back after they wrote a file."""
    for path in (version / "saved_model.pb", version / EXTRAS, version):
        os.utime(path, (0, 0))
    assert reason(Settling(LONG), version)


def test_files_that_do_not_change_between_two_looks_are_taken_whatever_the_clocks_say(
    version: Path, clock: Clock
) -> None:
    settling = Settling(LONG)
    future = time.time() + 20 * LONG
    os.utime(version / "saved_model.pb", (future, future))
    assert settling.look(version).look_again == LONG / 2
    clock.passed = LONG / 4
    assert settling.look(version).look_again == pytest.approx(LONG / 4, abs=1)
    clock.passed = LONG / 2
    assert reason(settling, version) == ""


@pytest.mark.parametrize("change", ["size", "time", "name", "content behind the same size and time"])
def test_each_change_starts_the_waiting_anew(version: Path, clock: Clock, change: str) -> None:
    settling, file = Settling(LONG), version / "saved_model.pb"
    future = time.time() + 10 * LONG
    os.utime(file, (future, future))
    assert reason(settling, version)
    clock.passed = LONG / 2
    if change == "size":
        file.write_bytes(b"more of the graph")
        os.utime(file, (future, future))
    elif change == "time":
        os.utime(file, (future + 1, future + 1))
    elif change == "name":
        file.rename(version / "saved_model.pbtxt")
    else:
        other = version / "other"
        other.write_bytes(b"other")
        os.utime(other, (future, future))
        other.rename(file)
    assert settling.look(version).look_again == LONG / 2


def test_files_that_keep_changing_say_for_how_long(version: Path, clock: Clock) -> None:
    settling = Settling(LONG)
    for second in range(12):
        clock.passed = float(second)
        (version / "log").write_text("x" * second)
        text = reason(settling, version)
    assert text == (
        "its files are still being written: log changed less than 1 s ago, and they have been changing for 11 s"
    )


def test_a_bundle_that_is_complete_by_its_digests_waits_for_nothing(version: Path) -> None:
    write_manifest(version, Manifest("now", {}, {}))
    assert reason(Settling(LONG), version) == ""


@pytest.mark.parametrize("damage", ["truncated", "preallocated", "manifest"])
def test_a_bundle_that_is_not_complete_waits_for_what_is_missing(version: Path, damage: str) -> None:
    write_manifest(version, Manifest("now", {}, {}))
    text = (version / MANIFEST_FILE).read_text()
    if damage == "manifest":
        (version / MANIFEST_FILE).write_text(text[: len(text) // 2])
    else:
        (version / "saved_model.pb").write_bytes(b"gra" if damage == "truncated" else bytes(5))
    settling = Settling(LONG)
    assert reason(settling, version)
    (version / MANIFEST_FILE).write_text(text)
    (version / "saved_model.pb").write_bytes(b"graph")
    assert reason(settling, version) == ""


def test_0_seconds_take_everything_at_once(version: Path) -> None:
    assert reason(Settling(0), version) == ""


def test_a_folder_that_has_gone_is_no_reason_to_wait(tmp_path: Path) -> None:
    assert reason(Settling(LONG), tmp_path / "gone") == ""


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e10", "two"])
def test_a_default_that_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LIGHTSHIP_SETTLE_SECONDS", text)
    with pytest.raises(InvalidArgument, match=f"LIGHTSHIP_SETTLE_SECONDS is '{text}'"):
        default_settle_seconds()


def test_the_default_is_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIGHTSHIP_SETTLE_SECONDS")
    assert default_settle_seconds() == 2.0


class FileServer:
    """Gives files the times of a clock that differs from ours, and that goes on as ours does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: Clock, differs: float) -> None:
        self._clock, self._differs, self._stat = clock, differs, os.stat
        self._added: dict[tuple[int, float], float] = {}  # to the times of each change
        monkeypatch.setattr(version_files_module, "walk", self.walk)
        monkeypatch.setattr(version_files_module, "_changed", lambda folder: self._of(os.stat(folder), "st_ctime"))

    def walk(self, folder: Path, within: Path | None = None) -> Iterator[Any]:
        for entry in walk(folder, within):
            seen = entry.status
            times = {name: self._of(seen, name) for name in ("st_mtime", "st_ctime")}
            sizes = {"st_size": seen.st_size, "st_ino": seen.st_ino, "st_mtime_ns": seen.st_mtime_ns}
            yield SimpleNamespace(name=entry.name, status=SimpleNamespace(**times, **sizes), is_file=entry.is_file)

    def _of(self, status: os.stat_result, name: str) -> float:
        real = float(getattr(status, name))
        return real + self._added.setdefault((status.st_ino, real), self._differs + self._clock.passed)


@pytest.mark.parametrize("differs", [-50.0, -5.0, 0.0, 5.0, 5000.0])
def test_files_that_are_being_written_wait_whatever_the_file_servers_clock_says(
    version: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, differs: float
) -> None:
    FileServer(monkeypatch, clock, differs)
    settling = Settling(2.0)
    assert reason(settling, version)
    for _ in range(4):
        clock.passed += 0.9
        with (version / "saved_model.pb").open("ab") as file:
            file.write(b"more")
        assert reason(settling, version)
    clock.passed += 1.0  # nothing has changed between two looks
    assert reason(settling, version) == ""


@pytest.mark.parametrize("differs", [-5000.0, -5.0, 0.0])
def test_what_was_written_before_it_was_moved_is_taken_at_once(
    version: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock, differs: float
) -> None:
    server = FileServer(monkeypatch, clock, differs)
    assert len(list(server.walk(version))) == 3
    clock.passed = 2.0
    assert reason(Settling(2.0), version.rename(version.with_name("2"))) == ""


def test_how_late_it_is_for_a_file_server_is_remembered(
    version: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """A version that is found late, because its folder is polled rarely, need not be looked at twice."""
    server = FileServer(monkeypatch, clock, -5.0)
    settling = Settling(2.0)
    assert settling.look(version).look_again
    second = version.with_name("2")
    second.mkdir()
    (second / "saved_model.pb").write_bytes(b"graph")
    assert len(list(server.walk(second))) == 2
    clock.passed = 10.0
    assert reason(settling, second) == ""


def test_old_files_are_taken_at_the_first_look_although_no_newer_time_was_seen(
    version: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    FileServer(monkeypatch, clock, -61.0)
    assert reason(Settling(2.0), version) == ""
