"""What every transport describes: the steps of each method of a client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import Encoding
from lightship.client.inputs import Example, Inputs
from lightship.client.photos import Photo
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
)
from lightship.client.steps import Steps
from lightship.client.target import Target


class Calls(Protocol):
    """The methods of `Client`, which describes them. Raises the errors of `lightship.errors`, and those only."""

    def predict(
        self, target: Target, inputs: Inputs, signature: str | None, encoding: Encoding
    ) -> Steps[Prediction]: ...

    def classify_image(self, target: Target, photo: Photo, top: int) -> Steps[Classification]: ...

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[list[list[ScoredLabel]]]: ...

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[NDArray[np.float32]]: ...

    def models(self) -> Steps[tuple[ModelStatus, ...]]: ...

    def status(self, target: Target) -> Steps[tuple[VersionStatus, ...]]: ...

    def metadata(self, target: Target) -> Steps[ModelMetadata]: ...

    def ready(self) -> Steps[bool]: ...

    def live(self) -> Steps[bool]: ...
