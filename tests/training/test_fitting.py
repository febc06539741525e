"""Training ends when the loss on the validation data no longer falls, and the best weights stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from tests.training.small_models import PETS, labelled, small_network

import lightship
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.spec import ImageSpec
from lightship.training.network import with_classifier
from lightship.training.pixel_range import PreprocessingMismatchWarning

SPEC = ImageSpec(16, 16, preprocessing="resnet_v2")
PIXELS, LABELS = labelled(4)
INPUTS = SPEC.preprocessing.apply(PIXELS)
DATA = (INPUTS, LABELS)


class Scripted(keras.callbacks.Callback):
    """Gives an epoch the loss on the validation data that is wanted, and a first weight that is its number."""

    def __init__(self, losses: list[float], at_end: Callable[[int], None] = lambda epoch: None) -> None:
        super().__init__()
        self._losses, self._at_end = losses, at_end

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.layers[-1].bias.assign([epoch, 0, 0])
        if logs is not None:
            logs["val_loss"] = self._losses[epoch]
        self._at_end(epoch)


def made(optimizer: Any = None) -> lightship.TransferModel:
    model = lightship.TransferModel(with_classifier(small_network(), 3), PETS, SPEC)
    model.compile(optimizer=optimizer or keras.optimizers.SGD(0.0))
    return model


def best_epoch(model: lightship.TransferModel) -> int:
    return int(model.model.layers[-1].bias[0])


def scripted(monkeypatch: pytest.MonkeyPatch, callback: Scripted) -> None:
    """Puts a callback before the early stopping, so that this sees what it wrote."""
    original = keras.Model.fit

    def fit(self: Any, *arguments: Any, callbacks: Any, **options: Any) -> Any:
        return original(self, *arguments, callbacks=[callback, *callbacks], **options)

    monkeypatch.setattr(keras.Model, "fit", fit)


def test_it_stops_after_twelve_epochs_without_a_better_loss_and_keeps_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, Scripted([3.0, 2.0, 1.0, *[1.5] * 20]))
    model = made()
    history = model.train(DATA, DATA, epochs=20, verbose=0)
    assert len(history["val_loss"]) == 3 + 12
    assert best_epoch(model) == 2


def test_the_best_weights_stay_if_all_epochs_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, Scripted([3.0, 1.0, 2.0, 1.5]))
    model = made()
    assert len(model.train(DATA, DATA, epochs=4, verbose=0)["loss"]) == 4
    assert best_epoch(model) == 1


def test_without_patience_all_epochs_run_and_the_last_weights_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, Scripted([1.0, 2.0, 3.0]))
    model = made()
    model.train(DATA, DATA, epochs=3, patience=None, verbose=0)
    assert best_epoch(model) == 2


def test_ctrl_c_keeps_the_best_weights_and_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    scripted(monkeypatch, Scripted([2.0, 1.0, 3.0], interrupt))
    model = made()
    with pytest.raises(KeyboardInterrupt):
        model.train(DATA, DATA, epochs=5, verbose=0)
    assert best_epoch(model) == 1
    assert model.history["val_loss"] == [2.0, 1.0]


def test_history_goes_on_over_several_calls() -> None:
    model = made()
    first = model.train(DATA, epochs=2, verbose=0)
    second = model.train(DATA, DATA, epochs=1, verbose=0)
    assert first is second is model.history
    assert set(second) == {"loss", "categorical_accuracy", "val_loss", "val_categorical_accuracy"}
    assert {len(numbers) for numbers in second.values()} == {3}


def test_class_weights_count_in_the_loss() -> None:
    model = made()
    plain = model.train(DATA, epochs=1, verbose=0)["loss"][-1]
    halved = model.train(DATA, epochs=1, class_weights=dict.fromkeys(PETS, 0.5), verbose=0)["loss"][-1]
    only = model.train(DATA, epochs=1, class_weights={"cat": 0, "dog": 0}, verbose=0)["loss"][-1]
    assert halved == pytest.approx(plain / 2, rel=1e-4)
    assert only < plain


def test_it_learns_and_says_so() -> None:
    model = made(keras.optimizers.Adam(0.05))
    model.set_unfreeze("all")
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    seen: list[int] = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    model.train(DATA, epochs=15, verbose=0, callbacks=[callback], batch_size=6, shuffle=False)
    assert seen == list(range(15))
    assert model.evaluate(DATA)["categorical_accuracy"] == 1.0
    assert np.array_equal(model.predict(INPUTS, proba=False), LABELS.argmax(axis=1))


def test_before_compile_and_after_a_change_of_what_trains_it_is_refused() -> None:
    model = lightship.TransferModel(with_classifier(small_network(), 3), PETS, SPEC)
    for call in (model.train, model.evaluate):
        with pytest.raises(FailedPrecondition, match=r"not compiled: call compile\(\) first"):
            call(DATA)
    model.compile()
    model.set_unfreeze("all")
    with pytest.raises(FailedPrecondition, match=r"again after set_unfreeze\(\)"):
        model.train(DATA, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"epochs": 0}, "epochs is 0; give a whole number, 1 or more"),
        ({"epochs": 1.5}, "epochs is 1.5"),
        ({"patience": 0}, "patience is 0"),
        ({"ds_valid": 10}, "ds_valid is 10; give a tf.data.Dataset"),
        ({"class_weights": {"cet": 1}}, "'cet', which is not a class: did you mean 'cat'"),
        ({"ds_valid": (INPUTS[:, :8], LABELS)}, "ds_valid has images"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_epoch(arguments: dict[str, Any], text: str) -> None:
    model = made()
    with pytest.raises(InvalidArgument, match=text):
        model.train(**{"ds_train": DATA, "verbose": 0, **arguments})
    assert model.history == {}


def test_an_option_that_does_not_exist_is_refused_with_the_nearest() -> None:
    model = made()
    with pytest.raises(TypeError, match=r"TransferModel\.train\(\) got an unexpected option 'bach_size': did you mean"):
        model.train(DATA, bach_size=2)
    with pytest.raises(TypeError, match=r"TransferModel\.compile\(\) got an unexpected option 'optimiser'"):
        model.compile(optimiser="adam")
    with pytest.raises(TypeError, match="unexpected option 'validation_data'"):
        model.train(DATA, validation_data=DATA)


@pytest.mark.parametrize("valid", [None, DATA])
def test_images_that_were_not_preprocessed_are_noticed(valid: Any) -> None:
    raw = (PIXELS.astype(np.float32), LABELS)
    data = (raw, None) if valid is None else (DATA, raw)
    name = "ds_train" if valid is None else "ds_valid"
    with pytest.warns(PreprocessingMismatchWarning, match=f"the images of {name} are from 0 to") as got:
        made().train(*data, epochs=1, verbose=0)
    assert got[0].filename == __file__
