"""Runs a training: reads the photos, trains, evaluates, and writes the version."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lightship.bundle.labels import read_classes
from lightship.datasets import PhotoSet, class_weights, read_photo_set
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.extras import require
from lightship.packaging.publishing import check_version
from lightship.packaging.quiet_tensorflow import quiet_tensorflow
from lightship.training.run.determinism import make_deterministic
from lightship.training.run.disk_space import check_disk_space
from lightship.training.run.evaluating import evaluate
from lightship.training.run.interrupts import Interrupts
from lightship.training.run.learner import build_learner, check_base
from lightship.training.run.loop import TrainingLoop
from lightship.training.run.options import TrainOptions
from lightship.training.run.phases import plan
from lightship.training.run.progress import TrainingProgress
from lightship.training.run.resuming import started_state
from lightship.training.run.run_folder import RunFolder, run_folder
from lightship.training.run.state import TrainingState
from lightship.training.run.trained_run import TrainedRun, TrainingResult
from lightship.training.run.training_data import TrainingData, left_out_texts
from lightship.training.run.variables import size_of
from lightship.training.run.version import find_published, previous_version, write_version

_PURPOSE = "training a model"
_STOPPING = (
    "stopping: the best epoch so far will be written; to stop at once, press Ctrl-C again, and to resume later, run "
    "the same command again"
)
_WRITING = (
    "the training is complete, and its version is being written; to stop at once, press Ctrl-C again, and to write it "
    "later, run the same command again"
)


def train(options: TrainOptions, progress: TrainingProgress | None = None) -> TrainedRun:
    """Trains a model on photos, and writes it as a version into the model's folder.

    The same options, photos, versions of packages and number of processors give the same weights, also if the process
    was killed in between: then it resumes after the last complete epoch. SIGINT stops the training early, and the best
    epoch so far is written. A second one ends the process at once. TensorFlow uses deterministic operations in this
    process from now on.

    Raises InvalidArgument or NotFound for options or photos that cannot be used, AlreadyExists for a version that
    exists, Aborted if another process trains into the same folder, FailedPrecondition if an unfinished training there
    has other options or photos, ResourceExhausted if the disk or the memory is too small, PermissionDenied if nothing
    can be written, and the errors of `lightship.export`. Raises KeyboardInterrupt if a SIGINT comes before an epoch is
    complete.
    """
    start = time.monotonic()
    progress = progress or TrainingProgress()
    try:
        _check(options)
        with run_folder(options.output) as folder:
            return _Run(options, folder, progress, start).run()
    finally:
        progress.close()


def _check(options: TrainOptions) -> None:
    """Raises for what can be found out before anything is read or imported."""
    require(_PURPOSE, "tensorflow", "keras")
    check_version(options.output, options.version, overwrite=False)
    check_base(options)
    output, photos = options.output.resolve(), options.photos.resolve()
    if photos.is_dir() and output.is_relative_to(photos):
        raise InvalidArgument(
            f"--output {options.output} is in the folder of the photos, where it would be taken for a class: give a "
            "folder outside of it"
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """One training by this process."""

    options: TrainOptions
    folder: RunFolder
    progress: TrainingProgress
    start: float

    def run(self) -> TrainedRun:
        photos = self._read_photos()
        before = started_state(self.options, self.folder, photos, self.progress)
        published = find_published(self.options.output, before.run)
        if published is not None:  # the process was killed after that, before it removed the state
            version, result = published
            self.progress(f"{version} is the result of this training already")
            previous = previous_version(self.options.output, version)
        else:
            previous = previous_version(self.options.output)
            version, result = self._train_and_write(photos, before)
        self.folder.clear()
        return TrainedRun(version, previous, photos, result, time.monotonic() - self.start)

    def _read_photos(self) -> PhotoSet:
        options = self.options
        self.progress.step(f"reading the photos in {options.photos}")
        photos = read_photo_set(
            options.photos,
            pattern=options.pattern,
            valid_share=options.valid_share,
            seed=options.seed,
            min_photos=options.min_photos,
            keep_rare=options.keep_rare,
            on_read=lambda done, count: self.progress.batch(done, count, ""),
        )
        counts = f"{len(photos.train)} for training and {len(photos.valid)} for validation"
        self.progress.outcome(f"{counts}, of {len(photos.classes)} classes")
        _check_labels(photos, options.photos)
        for text in left_out_texts(photos):
            self.progress(text)
        return photos

    def _train_and_write(self, photos: PhotoSet, before: TrainingState) -> tuple[Path, TrainingResult]:
        complete = False

        def on_interrupt() -> None:
            self.progress(_WRITING if complete else _STOPPING)

        with Interrupts(on_interrupt, self.progress.abandon) as interrupts:
            with quiet_tensorflow(self.progress, _PURPOSE):
                loop = self._loop(photos, lambda: interrupts.requested)
                state = loop.run(before)
                self._check_trained(state)
                complete = loop.next_position(state) is None
                self.progress.step("evaluating the best epoch on the validation photos")
                loop.load_best(state)
                probabilities = loop.data.probabilities(loop.learner.model)
                result = evaluate(photos, state, probabilities, interrupted=not complete, resumed=bool(before.epochs))
                self.progress.outcome(f"accuracy {result.accuracy:.1%}")
            version = write_version(self.options, loop.learner, photos, state, result, probabilities, self.progress)
        return version, result

    def _loop(self, photos: PhotoSet, stopping: Callable[[], bool]) -> TrainingLoop:
        options = self.options
        make_deterministic(options.seed)
        self.progress.step(f"building the model on {options.base}")
        learner = build_learner(options, photos.classes)
        check_disk_space(options.output, size_of(learner.model), self.folder.size())
        return TrainingLoop(
            learner=learner,
            data=TrainingData(photos, learner.image, options),
            phases=plan(options),
            patience=options.patience,
            class_weights=_weights_by_index(photos) if options.class_weights else None,
            folder=self.folder,
            progress=self.progress,
            stopping=stopping,
        )

    def _check_trained(self, state: TrainingState) -> None:
        """Raises KeyboardInterrupt without a complete epoch, and FailedPrecondition without one that can be used."""
        if not state.epochs:
            self.folder.clear()
            self.progress("stopped before the first epoch was complete, so there is nothing to keep")
            raise KeyboardInterrupt
        if not state.best_file:
            self.folder.clear()
            raise FailedPrecondition(
                "the loss on the validation photos is not a number after any epoch: give a smaller --learning-rate"
            )


def _check_labels(photos: PhotoSet, source: Path) -> None:
    """Raises for names of classes that a version cannot have: now, and not when its labels are written."""
    try:
        read_classes(photos.classes)
    except InvalidArgument as error:
        raise InvalidArgument(f"the classes of {source} cannot be those of a model: {error.message}") from error


def _weights_by_index(photos: PhotoSet) -> dict[int, float]:
    weights = class_weights(photos.counts())
    return {index: weights[name] for index, name in enumerate(photos.classes)}
