"""The results of a client's methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from lightship.client import views


@dataclass(frozen=True, slots=True)
class Prediction:
    """The outputs of a signature; `prediction["name"]` is one of them."""

    outputs: Mapping[str, NDArray[Any]]
    """By the names in the signature; see `Client.predict` for the dtypes."""

    model: str

    version: int | None
    """The version that answered. None if it was not requested by number and the server, such as TensorFlow Serving over
    REST, does not say."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.outputs[name]

    def __repr__(self) -> str:
        return views.prediction_text(self)

    def _repr_html_(self) -> str:
        return views.prediction_html(self)


@dataclass(frozen=True, slots=True)
class Classification:
    """The best labels of an image."""

    labels: tuple[str, ...]
    """The best first."""

    scores: tuple[float, ...]
    """Of each label."""

    model: str

    version: int | None
    """As in `Prediction`."""

    @property
    def label(self) -> str:
        """The best label."""
        return self.labels[0]

    @property
    def score(self) -> float:
        """The score of the best label."""
        return self.scores[0]

    def __repr__(self) -> str:
        return views.classification_text(self)

    def _repr_html_(self) -> str:
        return views.classification_html(self)


class ScoredLabel(NamedTuple):
    """One class of a classified example."""

    label: str
    """Empty if the model returns only scores."""

    score: float
    """0 if the model returns only labels."""


@dataclass(frozen=True, slots=True)
class SignatureEngine:
    """How a Lightship server runs a signature."""

    signature: str

    engine: str
    """openvino, tensorflow, or lightship for images; empty as long as nobody has used the signature."""

    reason: str
    """Why this engine runs it."""

    proof: str
    """How the engine's results were checked."""


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of one version of a model."""

    version: int

    state: str
    """START, LOADING, AVAILABLE, UNLOADING or END."""

    error_code: str
    """OK, or the code of the error because of which the version could not be loaded; its state is END then."""

    error_message: str
    """Why the version could not be loaded; empty if it could."""

    signatures: tuple[SignatureEngine, ...] = ()
    """Only from `Client.models`, for AVAILABLE versions."""

    note: str = ""
    """Why it is not loaded yet, or that its files were changed. Empty if nothing is to be said; only from
    `Client.models`."""

    def __repr__(self) -> str:
        return views.version_text(self)

    def _repr_html_(self) -> str:
        return views.version_html(self)


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model and the states of its versions."""

    name: str

    versions: tuple[VersionStatus, ...]
    """The highest first."""

    reason: str = ""
    """Why no version answers; empty if the server does not say."""

    notice: str = ""
    """What an operator should know about the model's folder although versions answer; empty if nothing."""

    @property
    def ready(self) -> bool:
        """Whether a version is AVAILABLE."""
        return any(version.state == "AVAILABLE" for version in self.versions)

    def __repr__(self) -> str:
        return views.model_text(self)

    def _repr_html_(self) -> str:
        return views.model_html(self)


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One of several processes of a server."""

    number: int
    """From 1."""

    pid: int
    """Its process on the server's machine; 0 if there is none now."""

    state: str
    """STARTING while it loads what the others serve, SERVING, or ENDED until it is started again."""

    restarts: int
    """How often it was started again."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a signature."""

    dtype: str
    """TensorFlow's name, such as DT_FLOAT."""

    shape: tuple[int, ...] | None
    """-1 for a dimension of any size; None if the rank is unknown."""

    tensor: str
    """The tensor's name in the graph."""


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    """The inputs and outputs of a signature, by name."""

    method_name: str
    """The kind of the signature, such as tensorflow/serving/predict."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    def __repr__(self) -> str:
        return views.signature_text(self)

    def _repr_html_(self) -> str:
        return views.signature_html(self)


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """The signatures of one version, by name."""

    model: str
    version: int
    signatures: Mapping[str, SignatureInfo]

    def __repr__(self) -> str:
        return views.metadata_text(self)

    def _repr_html_(self) -> str:
        return views.metadata_html(self)
