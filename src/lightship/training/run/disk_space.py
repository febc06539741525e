"""Refuses a training whose result would not fit on the disk, before it takes hours."""

from __future__ import annotations

import shutil
from pathlib import Path

from lightship.errors import ResourceExhausted

# How often the variables of the model are written: the states after the last epoch, the best one and the next one, each
# with up to two more numbers for each weight, which optimizers keep; and the version: for TensorFlow, and for Keras.
_STATES, _NUMBERS = 3, 3
_COPIES_IN_VERSION = 3
_MIN_BYTES = 32 << 20  # the graph, the golden sample and the report


def check_disk_space(folder: Path, model_bytes: int, kept_bytes: int = 0) -> None:
    """Raises ResourceExhausted if the disk of a model's folder has no room for the states of a training and a version.

    model_bytes: the size of the model's variables. kept_bytes: what is there already of this training.
    """
    needed = max(0, model_bytes * (_STATES * _NUMBERS + _COPIES_IN_VERSION) + _MIN_BYTES - kept_bytes)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ResourceExhausted(
            f"the disk of {folder} has {_shown(free)} free, but the training of this model needs {_shown(needed)}: "
            "free some space, or give a folder on another disk"
        )


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
