"""What packaging asks of a trained model, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightship.images.spec import ImageSpec
    from lightship.packaging.signatures import ImageSignatures

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ModelInput:
    """shape: None is a free dimension; no shape at all is an unknown rank. dtype: TensorFlow's name, "string" too."""

    shape: tuple[int | None, ...] | None
    dtype: str


class TrainedModel(Protocol):
    """A model as training left it, before any conversion. `labels` and `image` are what its files say of it."""

    labels: tuple[str, ...] | None
    image: ImageSpec | None

    @property
    def inputs(self) -> Mapping[str, ModelInput]:
        """The inputs of `serving_default`, by the names they have in it; empty if there is no such signature."""

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """The outputs of `serving_default`, by their names in it, as the trained model itself computes them."""

    def write(self, folder: Path, image: ImageSignatures | None) -> None:
        """Writes a SavedModel into `folder`, which is there and empty, with the image signatures if there are any."""
