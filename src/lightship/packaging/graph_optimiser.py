"""TensorFlow's graph optimiser, which an export does without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_DISABLED = "disable_meta_optimizer"


@contextmanager
def without_graph_optimiser() -> Iterator[None]:
    """Lets TensorFlow run graphs as they are while the block runs.

    To optimise a graph takes longer than the one or two runs that an export makes of it.
    """
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get(_DISABLED, False)
    tf.config.optimizer.set_experimental_options({_DISABLED: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_DISABLED: before})
