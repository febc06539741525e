"""`lightship.TransferModel`: a trained model with its labels and the description of its images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.bundle.labels import Classes
from lightship.images.spec import ImageSpec
from lightship.packaging.exporting import export
from lightship.packaging.golden_sample import GoldenImages
from lightship.packaging.progress import ProgressOption


class TransferModel:
    """A trained model that can be saved for a server. The arguments are those of `lightship.export`.

    >>> lightship.TransferModel(model, ["cat", "dog"], image={"preprocessing": "resnet_v2"}).save("models/pets")
    """

    def __init__(
        self,
        model: Any = None,
        classes: Classes | None = None,
        image: ImageSpec | Mapping[str, Any] | None = None,
        golden: GoldenImages | None = None,
    ) -> None:
        self.model = model
        self.classes = classes
        self.image = image
        self.golden = golden

    def save(self, folder: str | Path, version: int | None = None, *, progress: ProgressOption = None) -> Path:
        """Writes `version`, by default the next free one, into `folder` and returns its path.

        progress: whether to show the steps, as in `lightship.export`.

        Raises AttributeError without a model, and the errors of `lightship.export`.
        """
        if self.model is None:
            raise AttributeError("Model does not exist")
        return export(
            self.model,
            folder,
            classes=self.classes,
            image=self.image,
            version=version,
            golden=self.golden,
            progress=progress,
        )
