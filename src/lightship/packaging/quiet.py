"""Silences messages of Keras and TensorFlow that are of no use to somebody who exports a model."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

TENSORFLOW_LOGGERS = ("tensorflow", "absl")


@contextmanager
def quiet() -> Iterator[None]:
    """Suppresses Python's warnings, and the log of TensorFlow and absl below errors, while the block runs."""
    with quiet_loggers(*TENSORFLOW_LOGGERS), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Suppresses what these loggers say below errors while the block runs.

    Their library must be imported already: absl and NNCF make loggers of their own classes, and fail if there are
    others.
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
