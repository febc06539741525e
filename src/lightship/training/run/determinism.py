"""Makes a training repeatable: with the same seed, photos, versions and number of threads it gives the same weights."""

from __future__ import annotations


def make_deterministic(seed: int) -> None:
    """Seeds Python, numpy, TensorFlow and Keras, and lets TensorFlow use only operations that are deterministic.

    It stays so until the process ends.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
