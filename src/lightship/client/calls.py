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


class Calls(Protocol):
    """The methods of `Client`, which describes them. Raises the errors of `lightship.errors`, and those only."""

    def predict(
        self,
        model: str,
        inputs: Inputs,
        signature: str | None,
        version: int | None,
        label: str | None,
        encoding: Encoding,
    ) -> Steps[Prediction]: ...

    def classify_image(
        self, model: str, photo: Photo, top: int, version: int | None, label: str | None
    ) -> Steps[Classification]: ...

    def classify(
        self,
        model: str,
        given: Sequence[Example],
        context: Example | None,
        signature: str | None,
        version: int | None,
        label: str | None,
    ) -> Steps[list[list[ScoredLabel]]]: ...

    def regress(
        self,
        model: str,
        given: Sequence[Example],
        context: Example | None,
        signature: str | None,
        version: int | None,
        label: str | None,
    ) -> Steps[NDArray[np.float32]]: ...

    def models(self) -> Steps[tuple[ModelStatus, ...]]: ...

    def status(self, model: str, version: int | None, label: str | None) -> Steps[tuple[VersionStatus, ...]]: ...

    def metadata(self, model: str, version: int | None, label: str | None) -> Steps[ModelMetadata]: ...

    def ready(self) -> Steps[bool]: ...

    def live(self) -> Steps[bool]: ...
