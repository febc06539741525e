"""A SavedModel whose `saved_model.pb` became `saved_model.pbtxt`, as TensorFlow writes it with as_text=True."""

from __future__ import annotations

import shutil
from pathlib import Path


def save_as_text(version: Path, folder: Path) -> Path:
    """Copies a version's folder, with text in place of bytes."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(version, folder)
    file = folder / "saved_model.pb"
    (folder / "saved_model.pbtxt").write_text(text_format.MessageToString(SavedModel.FromString(file.read_bytes())))
    file.unlink()
    return folder
