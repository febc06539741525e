"""`lightship.load`: loads a version of an exported model into this process."""

from __future__ import annotations

import os
from pathlib import Path

from lightship.engines.base import DEFAULT_OPTIONS, EngineOptions
from lightship.lifecycle.loader import Loader, LoadOptions
from lightship.lifecycle.servable import ServableId
from lightship.local.model import LocalModel
from lightship.saved_model.version_folder import find_version


def load(
    folder: str | os.PathLike[str],
    *,
    version: int | None = None,
    engine: EngineOptions = DEFAULT_OPTIONS,
    follow_links: bool = False,
) -> LocalModel:
    """Loads a model into this process and returns it. It answers as a server would, without a server or a port.

    folder: a model's folder, such as models/dog, or one of its versions, such as models/dog/1.
    version: which version of the model's folder to load; by default the newest.
    engine: how the model is run, as for a server; by default OpenVINO, or TensorFlow where OpenVINO cannot run it.
    follow_links: load a version in which links lead out of the model's folder.

    The version passes the checks of a server before this returns: its files are complete, an engine can run it, and it
    gives the answers that it gave when it was exported. Close it to free its memory, or use it in a `with` statement.

    >>> with lightship.load("models/dog") as dog:
    ...     print(dog.classify_image("photos/dog.jpg").label)

    Raises NotFound, which says what the folder has instead, if there is no version or not this one; InvalidArgument for
    a `version` that is not a whole number; DataLoss for files that are broken, incomplete or changed, or if the answers
    are wrong; and FailedPrecondition if no installed engine can run the model.
    """
    found = find_version(folder, version)
    path = Path(os.path.abspath(found.path))  # signatures that are not used yet are read later, maybe from elsewhere
    loader = Loader(LoadOptions(engine=engine, follow_links=follow_links))
    return LocalModel(loader.load(ServableId(found.model, found.version), path))
