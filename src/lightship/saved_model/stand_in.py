"""A temporary folder that stands in for a SavedModel with another graph, for libraries that read folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightship.saved_model.versions import SAVED_MODEL_FILE

_BESIDE = ("variables", "assets")


@contextmanager
def stand_in(folder: Path, saved_model_pb: bytes) -> Iterator[Path]:
    """Creates a folder with this `saved_model.pb`, and with links to the variables and assets of `folder`.

    It is removed after the block. Raises OSError if it cannot be created.
    """
    with tempfile.TemporaryDirectory(prefix="lightship-") as place:
        (Path(place) / SAVED_MODEL_FILE).write_bytes(saved_model_pb)
        for name in _BESIDE:
            if (folder / name).is_dir():
                _link_or_copy((folder / name).resolve(), Path(place) / name)
        yield Path(place)


def _link_or_copy(folder: Path, name: Path) -> None:
    """Makes a link to a folder, or a copy of it where this user may make no links, as on Windows."""
    try:
        name.symlink_to(folder, target_is_directory=True)
    except (OSError, NotImplementedError):
        shutil.copytree(folder, name)
