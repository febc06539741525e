"""`lightship.TransferModel`: a trained model with its labels and the description of its images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Never

from lightship.bundle.labels import Classes
from lightship.images.spec import ImageSpec
from lightship.packaging.exporting import export
from lightship.packaging.golden_sample import GoldenImages
from lightship.packaging.progress import ProgressOption
from lightship.unexpected import unexpected_option

_SHOWN = 5  # classes that are shown


class TransferModel:
    """A trained model that can be saved for a server. The arguments are those of `lightship.export`.

    >>> lightship.TransferModel(model, ["cat", "dog"], image={"preprocessing": "resnet_v2"}).save("models/pets")
    """

    def __init__(
        self,
        model: Any = None,
        classes: Classes | None = None,
        image: ImageSpec | Mapping[str, Any] | Literal[False] | None = None,
        golden: GoldenImages | None = None,
        **unexpected: Never,
    ) -> None:
        if unexpected:
            raise unexpected_option("TransferModel", next(iter(unexpected)), ("model", "classes", "image", "golden"))
        self.model = model
        self.classes = classes
        self.image = image
        self.golden = golden

    def __repr__(self) -> str:
        parts = [self._model_text(), f"classes: {self._classes_text()}", f"image: {self.image or 'none'}"]
        return f"TransferModel({', '.join(parts)})"

    def _repr_html_(self) -> str:
        from lightship import notebook

        rows = [("model", self._model_text()), ("classes", self._classes_text()), ("image", self.image or "none")]
        return notebook.table("TransferModel", rows)

    def save(
        self,
        folder: str | Path,
        version: int | None = None,
        *,
        explain: str | Literal[False] | None = None,
        progress: ProgressOption = None,
    ) -> Path:
        """Writes `version`, by default the next free one, into `folder` and returns its path.

        explain: the layer that explains the answers, or False for no explanations, as in `lightship.export`.
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
            explain=explain,
            progress=progress,
        )

    def _model_text(self) -> str:
        if self.model is None or isinstance(self.model, (str, Path)):
            return "no model" if self.model is None else repr(str(self.model))
        name = getattr(self.model, "name", None)
        return f"{type(self.model).__name__}{f' {name!r}' if isinstance(name, str) else ''}"

    def _classes_text(self) -> str:
        if self.classes is None or isinstance(self.classes, (str, Path)):
            return "none" if self.classes is None else repr(str(self.classes))
        some = [repr(one) for one, _ in zip(self.classes, range(_SHOWN), strict=False)]
        more = len(self.classes) - len(some)
        return f"{len(self.classes)} ({', '.join(some)}{f', {more} more' if more else ''})"
