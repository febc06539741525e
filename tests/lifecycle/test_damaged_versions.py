"""Versions that lost a bit, or that hold something else than files: they never answer wrongly, and they say why."""

from __future__ import annotations

import os
import random
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.lifecycle.conftest import DEADLINE, StartManager, await_state

from lightship.bundle.golden import Golden
from lightship.bundle.manifest import EXTRAS, GOLDEN_FILE, MANIFEST_FILE, Manifest, write_manifest
from lightship.errors import DataLoss, FailedPrecondition
from lightship.lifecycle import FileSystemSource, Loader, LoadOptions, ModelConfig, Servable, ServableId, State
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

FLIPS = int(os.environ.get("FLIPS", "40"))
AddVersion = Callable[[int], Path]
ID = ServableId("half", 1)


def answer(version: Path) -> float:
    servable = Loader().load(ID, version)
    try:
        (result,) = servable.engine.run(DEFAULT_SIGNATURE, {"x": np.float32([[3.0]])}).values()
        return float(result[0, 0])
    finally:
        servable.close()


def test_a_flipped_bit_in_the_weights_is_refused_or_changes_nothing(add_version: AddVersion) -> None:
    version, chance = add_version(1), random.Random(1)
    files = [file for file in sorted((version / "variables").iterdir()) for _ in range(file.stat().st_size)]
    refused = 0
    for _ in range(FLIPS):
        file = chance.choice(files)
        intact = file.read_bytes()
        bit = chance.randrange(8 * len(intact))
        damaged = bytearray(intact)
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        try:
            assert answer(version) == 3.5, f"bit {bit} of {file.name}"
        except DataLoss:
            refused += 1
        file.write_bytes(intact)
    assert refused > FLIPS * 0.8
    assert answer(version) == 3.5


def test_weights_that_are_still_zeros_are_refused(add_version: AddVersion) -> None:
    weights = add_version(1) / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(bytes(weights.stat().st_size))
    with pytest.raises(DataLoss, match="is damaged: its checksum does not match; copy the complete version again"):
        Loader().load(ID, weights.parents[1])


def test_a_bundle_whose_manifest_never_came_waits_for_it(
    start_manager: StartManager, folder: Path, add_version: AddVersion
) -> None:
    version = add_version(1)
    extras = version / EXTRAS
    extras.mkdir()
    Golden({"x": np.float32([[3.0]])}, {"y": np.float32([[3.5]])}).save(extras / GOLDEN_FILE)
    source = FileSystemSource(manager := start_manager(), poll_seconds=0.02, settle_seconds=0)
    try:
        source.watch([ModelConfig("half", folder)])
        await_state(manager, 1, State.END)
        (status,) = manager.versions("half")
        assert status.error is not None
        assert "is an incomplete bundle: it has assets.extra/golden.npz" in status.error.message
        write_manifest(version, Manifest("now", {}, {}, golden=GOLDEN_FILE))
        await_state(manager, 1, State.AVAILABLE)
        (version / MANIFEST_FILE).unlink()  # so soon after it came, the version is loaded again
        await_state(manager, 1, State.END)
        write_manifest(version, Manifest("now", {}, {}, golden=GOLDEN_FILE))
        await_state(manager, 1, State.AVAILABLE)
    finally:
        source.close()


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/more", "assets.extra/tf_serving_warmup_requests"])
def test_a_fifo_is_refused_and_not_opened(add_version: AddVersion, name: str) -> None:
    file = add_version(1) / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    with pytest.raises(FailedPrecondition, match=f"{name} is a FIFO, and a version may only have files and folders"):
        Loader().load(ID, file.parents[name.count("/")])


def test_a_socket_is_refused(add_version: AddVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    version = add_version(1)
    monkeypatch.chdir(version)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        with pytest.raises(FailedPrecondition, match="socket is a socket"):
            Loader().load(ID, version)


def test_a_version_that_is_a_fifo_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "1")
    with pytest.raises(FailedPrecondition, match="1 is a FIFO"):
        Loader().load(ID, folder / "1")


@pytest.mark.parametrize("what", ["version", "folder", "file"])
def test_a_link_out_of_the_models_folder_is_refused_unless_links_are_followed(
    add_version: AddVersion, tmp_path: Path, what: str
) -> None:
    version = add_version(1)
    moved = {"version": version, "folder": version / "variables", "file": version / "saved_model.pb"}[what]
    moved.rename(tmp_path / "elsewhere")
    moved.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FailedPrecondition, match="is a link to .*elsewhere, which is outside .* with --follow-links$"):
        Loader().load(ID, version)
    Loader(LoadOptions(follow_links=True)).load(ID, version).close()


def test_links_inside_the_models_folder_are_followed(add_version: AddVersion, tmp_path: Path) -> None:
    """As Kubernetes mounts a volume: the version is a link to a folder beside it, and its files are links too."""
    version = add_version(1)
    data = version.rename(version.parent / "..2026_11_27")
    (version.parent / "..data").symlink_to(data.name)
    version.symlink_to("..data")
    (data / "variables").rename(data / "..variables")
    (data / "variables").symlink_to("..variables")
    base = tmp_path / "linked"
    base.symlink_to(version.parent)
    assert answer(base / "1") == 3.5


def test_two_loads_that_hang_hold_up_no_other(start_manager: StartManager, folder: Path, half_plus_two: Path) -> None:
    release = threading.Event()

    def load(id: ServableId, path: Path) -> Servable:
        if id.name == "hangs":
            release.wait(DEADLINE)
        return Loader().load(id, path)

    manager = start_manager(load)
    try:
        for number in (1, 2):
            shutil.copytree(half_plus_two / "123", folder / str(number))
        manager.aspire("hangs", {1: folder / "1", 2: folder / "2"})
        manager.aspire("half", {1: folder / "1"})
        await_state(manager, 1, State.AVAILABLE)
        assert all("it has been loading for" in status.note for status in manager.versions("hangs"))
    finally:
        release.set()


def test_a_fifo_in_one_model_holds_up_no_other(
    start_manager: StartManager, folder: Path, add_version: AddVersion, tmp_path: Path
) -> None:
    add_version(1)
    for name in ("a", "b"):
        (tmp_path / name / "1").mkdir(parents=True)
        os.mkfifo(tmp_path / name / "1" / "saved_model.pb")
    manager = start_manager()
    source = FileSystemSource(manager, poll_seconds=0)
    try:
        source.watch([ModelConfig(name, tmp_path / name) for name in ("a", "b", "half")])
        await_state(manager, 1, State.AVAILABLE)
        for name in ("a", "b"):
            await_state(manager, 1, State.END, name)
    finally:
        source.close()
