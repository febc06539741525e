"""The interface of a trained model, independent of its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from lightship.images.spec import ImageSpec
    from lightship.packaging.explain_signatures import Explanations
    from lightship.packaging.signatures import ImageSignatures

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One input of a trained model."""

    # A size of None is a free dimension; a shape of None is an unknown rank.
    shape: tuple[int | None, ...] | None
    # TensorFlow's name, such as "float32" or "string".
    dtype: str


class TrainedModel(Protocol):
    """A trained model before any conversion."""

    # The labels and the image spec in the model's files, if there are any.
    labels: tuple[str, ...] | None
    image: ImageSpec | None
    # Whether the model preprocesses the pixels itself, by its first layers, as far as that is known.
    scales_pixels: bool

    @property
    def inputs(self) -> Mapping[str, ModelInput]:
        """The inputs of `serving_default`, by their names; empty if there is no such signature."""

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Runs the trained model and returns the outputs of `serving_default`, by their names."""

    def explain(self, layer: str | None) -> Explanations:
        """Returns the signatures that explain the model's answers by a layer, by default the last one that fits.

        Raises CannotExplain if the model has none, and InvalidArgument for a layer that does not fit.
        """

    def write(self, folder: Path, image: ImageSignatures | None, explain: Explanations | None) -> None:
        """Writes a SavedModel, with the other signatures if there are any, into `folder`, an existing empty folder."""
