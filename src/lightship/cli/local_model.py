"""Runs a model in this process, with the server's code but without HTTP or gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lightship.cli.advice import PREDICT
from lightship.cli.version_folder import find_version

if TYPE_CHECKING:
    from lightship.client import Classification
    from lightship.lifecycle import Servable


class LocalModel:
    """A model that is loaded in this process."""

    def __init__(self, servable: Servable) -> None:
        self._servable = servable

    def classify(self, photo: bytes, top: int) -> Classification:
        from lightship.client import Classification
        from lightship.services.images import classify_images

        (best,) = classify_images(self._servable, [photo], top)
        name, version = self._servable.id.name, self._servable.id.version
        return Classification(tuple(best.labels), tuple(map(float, best.scores)), name, version)


@contextmanager
def local_model(folder: str) -> Iterator[LocalModel]:
    """Loads a version folder, or the newest version in a model's folder, with the checks that a server makes."""
    found = find_version(folder, PREDICT)
    from lightship.lifecycle import ServableId, load_servable

    servable = load_servable(ServableId(found.model, found.version), found.path)
    try:
        yield LocalModel(servable)
    finally:
        servable.close()
