"""Saves the asks as models, and answers them as TensorFlow Serving does: in a session of what was saved."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tests.equality.ask import Ask, Call
from tests.equality.outcome import Answer, Outcome, Refusal

from lightship.errors import Code


def save(ask: Ask, folder: Path) -> None:
    """Writes a version folder."""
    if ask.save is not None:
        with _quiet():
            ask.save(folder)
        return
    import tensorflow as tf

    function = ask.function
    assert function is not None
    module = tf.Module()
    module.kept = [tf.Variable(value) for value in ask.variables]

    def served(*inputs: Any) -> dict[str, Any]:
        outputs = function(tf, *module.kept, *inputs)
        return outputs if isinstance(outputs, dict) else {"y": outputs}

    specs = [tf.TensorSpec(shape, dtype, name) for name, (dtype, shape) in ask.inputs.items()]
    signature = tf.function(served, input_signature=specs, autograph=False)  # which would take half of the time
    with _quiet():
        tf.saved_model.save(module, str(folder), signatures=signature)


def answers(ask: Ask, folder: Path) -> list[Outcome]:
    """What TensorFlow gives for each call, one after the other."""
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session, _quiet():
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        run = cache(lambda name: _callable(session, loaded.signature_def[name]))
        return [_answer(*run(call.signature), call) for call in ask.calls]


def _callable(session: Any, signature: Any) -> tuple[Any, list[str], list[str]]:
    """Takes the inputs and gives the outputs in the order of these names."""
    from tensorflow.core.protobuf.config_pb2 import CallableOptions

    feed, fetch = ([spec.name for spec in specs.values()] for specs in (signature.inputs, signature.outputs))
    run = session._make_callable_from_options(CallableOptions(feed=feed, fetch=fetch))
    return run, list(signature.inputs), list(signature.outputs)


def _answer(run: Any, inputs: list[str], outputs: list[str], call: Call) -> Outcome:
    import tensorflow as tf

    try:
        values = run(*[call.inputs[name] for name in inputs])
    except tf.errors.OpError as error:
        return Refusal(int(Code(error.error_code)), error.message)
    return Answer(dict(zip(outputs, map(np.asarray, values), strict=True)))


@contextmanager
def _quiet() -> Iterator[None]:
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
