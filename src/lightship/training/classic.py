"""The older layout of a model's folder: `model/`, a SavedModel, and `classes.pickle`, a pickled DataFrame of pandas."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.bundle.manifest import EXTRAS
from lightship.errors import AlreadyExists, FailedPrecondition, Internal
from lightship.images.spec import ImageSpec
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.progress import Progress
from lightship.packaging.publishing import flush_all, staging_folder
from lightship.saved_model.versions import CLASSES_PICKLE

if TYPE_CHECKING:
    import keras

MODEL = "model"
COLUMN = "classes"

_PICKLE_PROTOCOL = 2


def write_classic(
    model: keras.Model,
    folder: Path,
    classes: Sequence[str],
    image: ImageSpec | None,
    keep_keras: bool,
    progress: Progress,
) -> Path:
    """Writes a model and its classes into a new folder and returns the folder.

    The folder appears only when it is complete and TensorFlow gave the model's own answers. image: prepares the images
    for this check. keep_keras: also write the Keras model, so that it can be trained further.

    Raises AlreadyExists if the folder exists, FailedPrecondition if TensorFlow cannot save the model, and Internal if
    the saved one answers differently.
    """
    from lightship.packaging.golden_sample import take_golden
    from lightship.packaging.keras_model import KerasModel
    from lightship.packaging.verify import check_on_tensorflow
    from lightship.training.keras_file import write_keras_file

    _refuse_existing(folder)
    trained = KerasModel(model)
    golden = take_golden(trained, image, None, progress)
    with staging_folder(folder.parent) as path:
        progress.step("writing the SavedModel")
        (path / MODEL).mkdir()
        with reraise_as(FailedPrecondition, "TensorFlow cannot save this model: {}; the incomplete export was removed"):
            trained.write(path / MODEL, None, None)
        progress.step("comparing with TensorFlow")
        with reraise_as(Internal, "the saved model fails, so the incomplete export was removed: {}"):
            check_on_tensorflow(path / MODEL, golden, None, None)
        if keep_keras:
            (path / MODEL / EXTRAS).mkdir(exist_ok=True)
            write_keras_file(model, path / MODEL / EXTRAS)
        (path / CLASSES_PICKLE).write_bytes(classes_pickle(classes))
        flush_all(path)
        _refuse_existing(folder)
        os.rename(path, folder)
    progress.done(f"wrote {folder}")
    return folder


def classes_pickle(classes: Sequence[str]) -> bytes:
    """Returns a pickle of `pandas.DataFrame({"classes": [...]})`, which every pandas reads, without pandas.

    It names the class, whose constructor the reader's pandas has, and gives it the labels.
    """
    arguments = pickle.dumps(({COLUMN: list(classes)},), _PICKLE_PROTOCOL)
    begin, end = arguments[:2], arguments[-1:]  # the number of the protocol, and the operation STOP
    return begin + b"cpandas\nDataFrame\n" + arguments[2:-1] + b"R" + end


def _refuse_existing(folder: Path) -> None:
    if os.path.lexists(folder):
        raise AlreadyExists(f"{folder} exists already: give a folder that does not exist, or remove it")
