"""Trains epoch by epoch, and saves the state after each, so that a resumed training gives the same result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lightship.errors import Cancelled, FailedPrecondition
from lightship.evaluation.report import EpochFigures
from lightship.training.run.fitting import compile_model, train_epoch
from lightship.training.run.learner import Learner
from lightship.training.run.phases import Phase, Position, best_epoch, next_position
from lightship.training.run.progress import TrainingProgress
from lightship.training.run.run_folder import RunFolder
from lightship.training.run.state import TrainingState
from lightship.training.run.training_data import TrainingData
from lightship.training.run.variables import arrays_of, set_all, set_model


@dataclass(frozen=True, slots=True)
class TrainingLoop:
    """Trains a model through its phases."""

    learner: Learner
    data: TrainingData
    phases: Sequence[Phase]
    patience: int
    # By the index of the class; None if all photos count the same.
    class_weights: Mapping[int, float] | None
    folder: RunFolder
    progress: TrainingProgress
    # Is asked after each batch whether to stop.
    stopping: Callable[[], bool]

    def run(self, state: TrainingState) -> TrainingState:
        """Trains on from a state, until the training is complete or is to stop, and returns the last state.

        Raises ResourceExhausted or PermissionDenied if a state cannot be written, and the errors of `train_epoch`.
        """
        phase = None
        while (position := self.next_position(state)) is not None and not self.stopping():
            if position.phase is not phase:
                phase = position.phase
                self._begin(position, state)
            try:
                figures = self._train_epoch(position)
            except Cancelled:
                break
            state = self._keep(state, figures)
        return state

    def next_position(self, state: TrainingState) -> Position | None:
        """Returns the epoch to train next, or None if the training is complete."""
        return next_position(self.phases, state.epochs, self.patience)

    def load_best(self, state: TrainingState) -> None:
        """Gives the model the weights of the best epoch."""
        set_model(self.learner.model, self.folder.read_arrays(state.best_file))

    def _begin(self, position: Position, state: TrainingState) -> None:
        """Prepares the model for a phase. The first one begins with what the model has, the others with the best."""
        model, phase = self.learner.model, position.phase
        self.learner.unfreeze(phase.unfreeze)
        compile_model(model, phase.learning_rate)
        if position.epoch:
            set_all(model, self.folder.read_arrays(state.last_file))
        elif state.best_file:
            self.load_best(state)
        if not state.epochs:  # finds out that the disk is too small before an epoch of hours
            self.folder.write_arrays(_file_name(0), arrays_of(model))
            self.folder.clear()

    def _train_epoch(self, position: Position) -> EpochFigures:
        phase, batches = position.phase, self.data.batches
        self.progress.step(f"{phase.name}, epoch {position.epoch + 1} of {phase.epochs}")
        self.progress.batch(0, batches, "")

        def on_batch(done: int, loss: float, accuracy: float) -> None:
            self.progress.batch(done, batches, _shown(loss, accuracy))

        done = self._epochs_before(phase) + position.epoch
        try:
            return train_epoch(
                self.learner.model,
                self.data.train(done),
                self.data.valid,
                phase,
                self.class_weights,
                on_batch,
                self.stopping,
            )
        except FailedPrecondition as error:
            raise self.data.failure or error from None

    def _epochs_before(self, phase: Phase) -> int:
        """Returns how many epochs the phases before this one have at most, so that no two epochs have one number."""
        return sum(one.epochs for one in self.phases[: self.phases.index(phase)])

    def _keep(self, state: TrainingState, figures: EpochFigures) -> TrainingState:
        name = _file_name(len(state.epochs) + 1)
        self.folder.write_arrays(name, arrays_of(self.learner.model))
        state = state.with_epoch(figures, name)
        self.folder.write_state(state)
        best = ", the best so far" if best_epoch(state.epochs) == len(state.epochs) - 1 else ""
        valid = _shown(figures.valid_loss, figures.valid_accuracy)
        self.progress.outcome(f"{_shown(figures.loss, figures.accuracy)}; validation {valid}{best}")
        return state


def _file_name(epoch: int) -> str:
    return f"epoch-{epoch}.npz"


def _shown(loss: float, accuracy: float) -> str:
    return f"loss {loss:.4f}, accuracy {accuracy:.1%}"
