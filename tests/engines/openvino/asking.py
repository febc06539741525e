"""Small graphs, asked of both engines: the answers, or the codes of the refusals, must be the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

Inputs = tuple[Any, ...]


@dataclass(frozen=True)
class Ask:
    """A graph of inputs (name, dtype, shape), and the lists of arrays that it is asked with.

    engine: what must run it where both are there; "" for any.
    """

    function: Callable[..., Any]
    specs: Sequence[tuple[str, str, list[int | None] | None]]
    inputs: Sequence[Inputs]
    engine: str = "openvino"


def save(ask: Ask, folder: Path) -> Path:
    import tensorflow as tf

    module = tf.Module()
    specs = [tf.TensorSpec(shape, dtype, name) for name, dtype, shape in ask.specs]
    function = tf.function(lambda *arrays: {"y": ask.function(*arrays)}, input_signature=specs, autograph=False)
    module.function = function
    tf.saved_model.save(module, str(folder), signatures={DEFAULT_SIGNATURE: function.get_concrete_function()})
    return folder


def check(ask: Ask, folder: Path) -> None:
    """Asks TensorFlow alone, both engines together, and OpenVINO alone, which may refuse instead."""
    save(ask, folder)
    model = read_saved_model(folder)
    names = list(model.signatures[DEFAULT_SIGNATURE].inputs)
    reference = load_engine(folder, model, EngineOptions(engine="tensorflow"))
    both = load_engine(folder, model, EngineOptions())
    try:
        assert ask.engine in ("", both.engine_of(DEFAULT_SIGNATURE)), both.reports()
        alone = _alone(folder, model)
        for arrays in ask.inputs:
            feed = _feed(ask, names, arrays)
            expected = outcome(reference, feed)
            assert_same(outcome(both, feed), expected)
            found = outcome(alone, feed) if alone is not None else None
            if found is not None and not isinstance(found, LightshipError):
                assert_same(found, expected)
    finally:
        both.close()
        reference.close()


def _alone(folder: Path, model: Any) -> Engine | None:
    try:
        return load_engine(folder, model, EngineOptions(engine="openvino"))
    except LightshipError:
        return None


def _feed(ask: Ask, names: Sequence[str], arrays: Inputs) -> dict[str, Any]:
    given = {name: np.asarray(array, dtype) for (name, dtype, _), array in zip(ask.specs, arrays, strict=True)}
    return {name: given[name] for name in names}


def outcome(engine: Engine, inputs: dict[str, Any]) -> Any:
    try:
        return engine.run(DEFAULT_SIGNATURE, inputs)["y"]
    except LightshipError as error:
        return error


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, LightshipError):
        assert isinstance(found, LightshipError), f"answered {found}, where TensorFlow says: {expected.message}"
        assert found.code == expected.code, (found.message, expected.message)
        return
    assert not isinstance(found, LightshipError), found.message
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    else:
        np.testing.assert_array_equal(found, expected)
