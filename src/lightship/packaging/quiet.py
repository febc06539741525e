"""Silences messages of Keras and TensorFlow that are of no use to somebody who exports a model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Suppresses Python's warnings, and the log of TensorFlow and absl below errors, while the block runs."""
    with quiet_loggers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def quiet_loggers() -> Iterator[None]:
    """Suppresses the log of TensorFlow and absl below errors while the block runs.

    TensorFlow must be imported already: absl makes a logger of its own class, and fails if there is another one.
    """
    loggers = [logging.getLogger(name) for name in ("tensorflow", "absl")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
