"""The interface of RestCalls and GrpcCalls: the methods of a client as flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import Encoding
from lightship.client.class_choice import ClassChoice
from lightship.client.explanations import Explanation
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
from lightship.client.rise import Rise
from lightship.client.target import Target


class Calls(Protocol):
    """The methods of `Client`, which documents them. They raise only the exceptions of `lightship.errors`."""

    def predict(
        self,
        target: Target,
        inputs: Inputs,
        signature: str | None,
        encoding: Encoding,
        *,
        patient: bool = False,
    ) -> Flow[Prediction]:
        """patient: see `Deadline`."""

    def classify_image(self, target: Target, photo: Photo, top: int, *, patient: bool = False) -> Flow[Classification]:
        """patient: see `Deadline`."""

    def explain_image(
        self, target: Target, photo: Photo, class_: ClassChoice, method: str | Rise | None, *, patient: bool = False
    ) -> Flow[Explanation]: ...

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
