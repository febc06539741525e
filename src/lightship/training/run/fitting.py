"""Trains a compiled Keras model for one epoch, and measures it on the validation photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lightship.errors import Cancelled, FailedPrecondition, ResourceExhausted
from lightship.evaluation.report import EpochFigures
from lightship.packaging.library_errors import reraise_as
from lightship.training.run.phases import Phase

LOSS, ACCURACY = "categorical_crossentropy", "categorical_accuracy"

# Is called after each batch with the number of those that are done, and the loss and the accuracy so far.
OnBatch = Callable[[int, float, float], None]


def compile_model(model: Any, learning_rate: float) -> None:
    """Compiles a model for classes in one-hot form, with a new optimizer whose variables exist already."""
    import keras

    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(loss=LOSS, optimizer=optimizer, metrics=[ACCURACY], jit_compile=False)
    optimizer.build(model.trainable_variables)


def train_epoch(
    model: Any,
    train: Any,
    valid: Any,
    phase: Phase,
    class_weights: Mapping[int, float] | None,
    on_batch: OnBatch,
    stopping: Callable[[], bool],
) -> EpochFigures:
    """Trains for one epoch and returns its figures.

    train, valid: datasets of (images, one-hot classes). stopping: is asked after each batch.

    Raises Cancelled if `stopping` returns True, FailedPrecondition if TensorFlow cannot train the model, and
    ResourceExhausted if there is not enough memory.
    """
    start = time.monotonic()
    callbacks = [_callback(on_batch, stopping)]
    with reraise_as(FailedPrecondition, "the model cannot be trained: {}"), _graph_errors():
        history = model.fit(train, shuffle=False, verbose=0, callbacks=callbacks, class_weight=class_weights).history
        checked = model.evaluate(valid, verbose=0, return_dict=True)
    return EpochFigures(
        phase=phase.name,
        loss=float(history["loss"][0]),
        accuracy=float(history[ACCURACY][0]),
        valid_loss=float(checked["loss"]),
        valid_accuracy=float(checked[ACCURACY]),
        learning_rate=phase.learning_rate,
        seconds=time.monotonic() - start,
    )


@contextmanager
def _graph_errors() -> Iterator[None]:
    """Shortens the errors of TensorFlow's operations, which begin with a traceback."""
    import tensorflow as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise ResourceExhausted(
            "ran out of memory while training this model: give a smaller --batch-size or --size, or another --base"
        ) from error
    except tf.errors.OpError as error:
        lines = [line.strip() for line in error.message.splitlines()]
        reasons = [line for line in lines if line and not line.startswith("[[")]
        raise FailedPrecondition(f"the model cannot be trained: {reasons[-1] if reasons else error}") from error


def _callback(on_batch: OnBatch, stopping: Callable[[], bool]) -> Any:
    import keras

    class Batches(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
            if stopping():
                raise Cancelled("the training was stopped in the middle of an epoch")
            if logs is not None:
                on_batch(batch + 1, float(logs["loss"]), float(logs[ACCURACY]))

    return Batches()
