"""A training as a whole: what its version holds, and that the same options give the same weights."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.training.run.examples import CLASSES, options
from tests.training.run.stopping import Recording, Stop, train_without_version

from lightship.bundle.bundle import open_bundle
from lightship.bundle.manifest import EXTRAS, Manifest
from lightship.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from lightship.evaluation.report import EpochFigures
from lightship.images.prepare import prepare
from lightship.training.run.options import TrainOptions
from lightship.training.run.run_folder import RunFolder
from lightship.training.run.train import train
from lightship.training.run.trained_run import TrainedRun

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("_deterministic")]


def keras_model(version: Path) -> Any:
    import keras

    return keras.models.load_model(version / EXTRAS / "model.keras", compile=False)


def losses(epochs: Sequence[EpochFigures]) -> list[tuple[str, float, float]]:
    return [(one.phase, one.loss, one.valid_loss) for one in epochs]


def test_the_version_holds_all_that_serves_and_explains_it(trained: TrainedRun, photos: Path) -> None:
    bundle = open_bundle(trained.version, "colours", 1)
    assert bundle.labels == CLASSES
    assert bundle.image is not None
    assert bundle.image.size == (16, 16)
    assert bundle.explain is not None
    manifest = Manifest.read(trained.version)
    assert all(manifest.covers(f"{EXTRAS}/{name}") for name in ("report.html", "model.keras", "training.json"))
    manifest.verify(trained.version)


def test_the_golden_sample_is_of_validation_photos_of_all_classes(trained: TrainedRun) -> None:
    bundle = open_bundle(trained.version, "colours", 1)
    assert bundle.golden is not None
    assert bundle.image is not None
    (images,) = bundle.golden.inputs.values()
    valid = {prepare(one.path.read_bytes(), bundle.image).tobytes(): one.label for one in trained.photos.valid}
    assert {valid[image.tobytes()] for image in images} == set(CLASSES)


def test_the_kept_keras_model_gives_the_golden_answers(trained: TrainedRun) -> None:
    golden = open_bundle(trained.version, "colours", 1).golden
    assert golden is not None
    (images,), (scores,) = golden.inputs.values(), golden.outputs.values()
    assert np.allclose(keras_model(trained.version).predict(images, verbose=0), scores, atol=1e-6)


def test_both_phases_train_and_the_model_learns(trained: TrainedRun) -> None:
    epochs = trained.result.epochs
    assert {one.phase for one in epochs} == {"new head", "fine-tuning"}
    assert epochs[trained.result.best_epoch].valid_loss == min(one.valid_loss for one in epochs)
    assert epochs[-1].loss < epochs[0].loss
    assert trained.result.accuracy > 0.5


def test_nothing_else_is_left_in_the_models_folder(trained: TrainedRun) -> None:
    assert [path.name for path in trained.version.parent.iterdir()] == ["1"]


def test_the_version_says_the_command_that_made_it(trained: TrainedRun) -> None:
    fields = json.loads((trained.version / EXTRAS / "training.json").read_text())
    assert fields["command"].startswith("lightship train ")
    assert "--seed 7" in fields["command"]
    assert fields["options"]["--epochs"] == 3


def test_the_same_options_give_the_same_weights_and_another_seed_does_not(
    trained: TrainedRun, photos: Path, base: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(photos, tmp_path / "moved")
    again = train_without_version(options(moved, base, tmp_path / "again"))
    assert losses(again.state.epochs) == losses(trained.result.epochs)
    other = train_without_version(options(photos, base, tmp_path / "other", seed=8, fine_tune_epochs=0, epochs=1))
    assert losses(other.state.epochs)[0] != losses(trained.result.epochs)[0]


def test_ctrl_c_keeps_the_best_so_far(trained: TrainedRun, photos: Path, base: Path, tmp_path: Path) -> None:
    class Interrupting(Recording):
        def batch(self, done: int, batches: int, text: str) -> None:
            if done == 2 and self.texts[-1].startswith("new head, epoch 3"):
                signal.raise_signal(signal.SIGINT)
                self.wait_for("stopping")

    progress = Interrupting()
    run = train(options(photos, base, tmp_path / "models"), progress)
    assert run.result.interrupted
    assert losses(run.result.epochs) == losses(trained.result.epochs)[:2]
    assert open_bundle(run.version, "models", 1).labels == CLASSES
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["1"]


def test_ctrl_c_before_an_epoch_is_complete_leaves_nothing(photos: Path, base: Path, tmp_path: Path) -> None:
    class Interrupting(Recording):
        def batch(self, done: int, batches: int, text: str) -> None:
            if done == 1 and "epoch" in self.texts[-1]:
                signal.raise_signal(signal.SIGINT)
                self.wait_for("stopping")

    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        train(options(photos, base, tmp_path / "models"), progress)
    assert progress.texts[-1] == "stopped before the first epoch was complete, so there is nothing to keep"
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_training_is_resumed_with_the_same_options_only(
    trained: TrainedRun, photos: Path, base: Path, tmp_path: Path
) -> None:
    given = options(photos, base, tmp_path / "models")
    with pytest.raises(Stop):
        train(given, Recording("fine-tuning, epoch 2"))
    with pytest.raises(FailedPrecondition, match=r"other options: --fit not given \(now crop\); --epochs 3 \(now 5\)"):
        train(options(photos, base, tmp_path / "models", epochs=5, fit="crop"))
    others = shutil.copytree(photos, tmp_path / "others")
    next((others / "red").glob("*.jpg")).unlink()
    with pytest.raises(FailedPrecondition, match="on other photos"):
        train(options(others, base, tmp_path / "models"))
    resumed = train_without_version(given)
    assert any(text.startswith("resuming after epoch 4") for text in resumed.texts)
    assert losses(resumed.state.epochs) == losses(trained.result.epochs)


def test_restart_forgets_the_unfinished_training(trained: TrainedRun, photos: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(options(photos, base, tmp_path / "models", seed=8), Recording("new head, epoch 3"))
    with pytest.raises(Stop):
        train(options(photos, base, tmp_path / "models", restart=True), Recording("new head, epoch 2"))
    state = RunFolder(tmp_path / "models" / ".training").read_state()
    assert state is not None
    assert losses(state.epochs) == losses(trained.result.epochs)[:1]


def test_an_error_before_the_first_epoch_leaves_nothing(photos: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(Stop):
        train(options(photos, base, tmp_path / "models"), Recording("building"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed_before_the_first_epoch(
    photos: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    progress = Recording()
    with pytest.raises(ResourceExhausted, match="free some space, or give a folder on another disk"):
        train(options(photos, base, tmp_path / "models"), progress)
    assert not any("epoch" in text for text in progress.texts)
    assert list(tmp_path.iterdir()) == []


def test_a_rate_that_gives_no_numbers_is_an_error(photos: Path, base: Path, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="give a smaller --learning-rate"):
        train(options(photos, base, tmp_path / "models", learning_rate=1e38, patience=1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"base": "resnet51"}, InvalidArgument, "resnet50v2"),
        ({"base": "missing.keras"}, NotFound, "missing.keras does not exist"),
        ({"preprocess": None}, InvalidArgument, "add --preprocess NAME"),
        ({"preprocess": "mobilenetv2"}, InvalidArgument, "did you mean 'mobilenet_v2'"),
        ({"preprocess": "{1"}, InvalidArgument, "--preprocess is '{1'"),
        ({"fit": "krop"}, InvalidArgument, "fit is 'krop'"),
        ({"unfreeze": ("nothing",)}, InvalidArgument, "nothing"),
        ({"size": (20, 20)}, InvalidArgument, "16"),
        ({"weights": "elsewhere.h5"}, InvalidArgument, "weights"),
    ],
)
def test_what_does_not_fit_is_an_error_before_the_training(
    photos: Path, base: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    given = {"base": str(base), "preprocess": "none", **changes}
    progress = Recording()
    with pytest.raises(error, match=text):
        train(TrainOptions(photos, tmp_path / "models", **given), progress)
    assert not any("epoch" in one for one in progress.texts)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_exists_is_refused_at_once(trained: TrainedRun, photos: Path, base: Path) -> None:
    progress = Recording()
    with pytest.raises(AlreadyExists, match="exists already"):
        train(options(photos, base, trained.version.parent, version=1), progress)
    assert progress.texts == []


def test_the_folder_of_the_photos_is_no_place_for_the_model(photos: Path, base: Path) -> None:
    with pytest.raises(InvalidArgument, match="is in the folder of the photos"):
        train(options(photos, base, photos / "models"))


def test_photos_that_cannot_be_read_are_named_and_skipped(photos: Path, base: Path, tmp_path: Path) -> None:
    source = shutil.copytree(photos, tmp_path / "photos")
    (source / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    (source / "rare").mkdir()
    next((source / "red").glob("*.png")).rename(source / "rare" / "only.png")
    progress = Recording("building")
    with pytest.raises(Stop):
        train(options(source, base, tmp_path / "models"), progress)
    assert any("skipped 1 file" in text and "broken.jpg" in text for text in progress.texts)
    assert any("left out 1 class with few photos: rare (1 photo)" in text for text in progress.texts)


def test_a_class_whose_name_no_version_can_have_is_refused_before_the_training(
    photos: Path, base: Path, tmp_path: Path
) -> None:
    source = shutil.copytree(photos, tmp_path / "photos")
    (source / "red").rename(source / "two\nlines")
    progress = Recording("building")
    with pytest.raises(InvalidArgument, match="cannot be the name of a class, because it has a line break"):
        train(options(source, base, tmp_path / "models"), progress)


def test_a_photo_that_disappears_meanwhile_is_named(photos: Path, base: Path, tmp_path: Path) -> None:
    source = shutil.copytree(photos, tmp_path / "photos")

    class Removing(Recording):
        def step(self, text: str) -> None:
            super().step(text)
            if text.startswith("building"):
                shutil.rmtree(source / "red")

    with pytest.raises(NotFound, match=r"photos/red/red #\d+\.\w+"):
        train(options(source, base, tmp_path / "models"), Removing())
    assert not (tmp_path / "models").exists()
