"""The interface of RestCalls and GrpcCalls: the methods of a client as flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import Encoding
from lightship.client.flow import Flow
from lightship.client.inputs import Example, Inputs
from lightship.client.photos import Photo
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
    WorkerStatus,
)
from lightship.client.target import Target


class Calls(Protocol):
    """The methods of `Client`, which documents them. They raise only the exceptions of `lightship.errors`."""

    def predict(
        self, target: Target, inputs: Inputs, signature: str | None, encoding: Encoding
    ) -> Flow[Prediction]: ...

    def classify_image(self, target: Target, photo: Photo, top: int, *, patient: bool = False) -> Flow[Classification]:
        """patient: see `Deadline`."""

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[list[list[ScoredLabel]]]: ...

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[NDArray[np.float32]]: ...

    def models(self) -> Flow[tuple[ModelStatus, ...]]: ...

    def workers(self) -> Flow[tuple[WorkerStatus, ...]]: ...

    def status(self, target: Target) -> Flow[tuple[VersionStatus, ...]]: ...

    def metadata(self, target: Target) -> Flow[ModelMetadata]: ...

    def ready(self) -> Flow[bool]: ...

    def live(self) -> Flow[bool]: ...
