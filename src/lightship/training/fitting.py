"""Trains a Keras model until its loss on the validation data no longer falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.training.class_weights import ClassWeights, weights_by_index
from lightship.training.data import check_labelled, first_images, is_dataset, keras_arguments
from lightship.training.history import History
from lightship.training.pixel_range import warn_if_unlike


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a model is trained: the arguments of `TransferModel.train`."""

    epochs: int
    # How many epochs may go by without a better loss on the validation data; None for all.
    patience: int | None
    class_weights: ClassWeights | None = None
    callbacks: Sequence[Any] = ()
    # As for `keras.Model.fit`.
    verbose: Any = "auto"
    # Further arguments of `keras.Model.fit`.
    others: Mapping[str, Any] = field(default_factory=dict)


def check_fit(
    model: keras.Model, train: Any, valid: Any, options: FitOptions, spec: ImageSpec | None, depth: int
) -> None:
    """Checks what can be checked before the first epoch.

    spec: says how photos are preprocessed. The first images of the validation data are compared with it, or else those
    of the training data. depth: how many functions above this one the caller's own is.

    Raises FailedPrecondition for a model without weights to train, and InvalidArgument for data or options that do not
    fit. Warns with `PreprocessingMismatchWarning`.
    """
    if not model.trainable_weights:
        raise FailedPrecondition(
            "the model has no weights to train: a SavedModel without its Keras model can only predict; if all layers "
            "are frozen, call set_unfreeze()"
        )
    _check_count("epochs", options.epochs)
    if options.patience is not None:
        _check_count("patience", options.patience)
    check_labelled(train, model, "ds_train")
    if valid is not None:
        check_labelled(valid, model, "ds_valid")
    images = first_images(train if valid is None else valid)
    if images is not None:
        warn_if_unlike(images, spec, "ds_train" if valid is None else "ds_valid", depth + 1)


def fit(
    model: keras.Model,
    train: Any,
    valid: Any,
    options: FitOptions,
    labels: Sequence[str] | None,
    history: History,
) -> None:
    """Trains a compiled model and adds the epochs to `history`, also if an exception ends the training.

    labels: names the classes in the class weights. With validation data and a patience, the model has the weights of
    its best epoch afterwards. That is so after Ctrl-C, too, which is passed on.
    """
    weights = options.class_weights
    by_index = weights_by_index(weights, labels, model.outputs[0].shape[-1]) if weights is not None else None
    recorded, stopping = keras.callbacks.History(), _early_stopping(valid, options.patience)
    try:
        model.fit(
            **keras_arguments(train),
            validation_data=tuple(valid) if isinstance(valid, list) else valid,
            epochs=options.epochs,
            class_weight=by_index,
            callbacks=[recorded, *stopping, *options.callbacks],
            verbose=options.verbose,
            **({"shuffle": False} if is_dataset(train) else {}) | dict(options.others),
        )
    except KeyboardInterrupt:
        for one in stopping:
            if one.best_weights is not None:
                model.set_weights(one.best_weights)
        raise
    finally:
        history.add(getattr(recorded, "history", {}))


def _early_stopping(valid: Any, patience: int | None) -> list[Any]:
    if valid is None or patience is None:
        return []
    return [keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, restore_best_weights=True)]


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise InvalidArgument(f"{name} is {value!r}; give a whole number, 1 or more")
