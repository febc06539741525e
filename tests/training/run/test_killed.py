"""A training that is killed at any point goes on to the same result."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.training.run.examples import options
from tests.training.run.stopping import Kept, Stop, kept, train_without_version
from tests.training.run.test_train import losses

from lightship.training.run.run_folder import RunFolder
from lightship.training.run.train import train

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("_deterministic")]


def run_and_kill(output: Path, photos: Path, base: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.training.run.killed_training", str(output), str(photos), str(base), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def undisturbed(photos: Path, base: Path, tmp_path_factory: pytest.TempPathFactory, _deterministic: None) -> Kept:
    """What a training in one process keeps after its last epoch."""
    return train_without_version(options(photos, base, tmp_path_factory.mktemp("undisturbed")))


@pytest.mark.slow
def test_after_three_kills_the_result_is_the_same_and_one_version(
    undisturbed: Kept, photos: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    for step, batch, epochs in (
        ("new head, epoch 3", 2, 2),
        ("fine-tuning, epoch 2", 1, 4),
        ("writing the SavedModel", 0, 6),
    ):
        done = run_and_kill(models, photos, base, step, str(batch))
        assert done.returncode == -signal.SIGKILL, done.stderr
        state = RunFolder(models / ".training").read_state()
        assert state is not None
        assert len(state.epochs) == epochs
    assert kept(RunFolder(models / ".training")).same_arrays(undisturbed)
    monkeypatch.setattr(RunFolder, "clear", stop)  # it ends again, when the version is written already
    with pytest.raises(Stop):
        train(options(photos, base, models))
    monkeypatch.undo()
    assert {path.name for path in models.iterdir()} == {".training", "1"}
    run = train(options(photos, base, models))
    assert (run.version, run.previous) == (models / "1", None)
    assert losses(run.result.epochs) == losses(undisturbed.state.epochs)
    assert [path.name for path in models.iterdir()] == ["1"]


def stop(folder: RunFolder) -> None:
    raise Stop


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_process_at_once_and_the_training_can_go_on(
    undisturbed: Kept, photos: Path, base: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    done = run_and_kill(models, photos, base, "fine-tuning, epoch 2", "1", "SIGINT,SIGINT")
    assert done.returncode == 130, done.stderr
    assert train_without_version(options(photos, base, models)).same_arrays(undisturbed)
