"""What the methods of a client return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """`outputs`: by the signature's names; see `Client.predict` for the dtypes. `version`: the one that answered, where
    the server says so or it was asked for; TensorFlow Serving does not say."""

    outputs: Mapping[str, NDArray[Any]]
    model: str
    version: int | None

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.outputs[name]


@dataclass(frozen=True, slots=True)
class Classification:
    """`labels` and their `scores`, the best first. `version` as in `Prediction`."""

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    model: str
    version: int | None

    @property
    def label(self) -> str:
        return self.labels[0]

    @property
    def score(self) -> float:
        return self.scores[0]


class ScoredLabel(NamedTuple):
    """One class of a classified example. `label` is empty where the model gives scores alone, `score` 0 where it gives
    labels alone."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class SignatureEngine:
    """How a server runs a signature: `engine` (openvino, tensorflow, or lightship for images; empty while it was not
    needed), the `reason`, and by what `proof` its answers were checked."""

    signature: str
    engine: str
    reason: str
    proof: str


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """`state`: START, LOADING, AVAILABLE, UNLOADING or END. A version that could not be loaded is END with an
    `error_code` other than OK and the reason in `error_message`. `signatures`: in the list of all models, where the
    server is Lightship and the version answers."""

    version: int
    state: str
    error_code: str
    error_message: str
    signatures: tuple[SignatureEngine, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """`versions`: the highest first. `reason`: why the model does not answer, where the server says so."""

    name: str
    versions: tuple[VersionStatus, ...]
    reason: str = ""

    @property
    def ready(self) -> bool:
        return any(version.state == "AVAILABLE" for version in self.versions)


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """`dtype`: TensorFlow's name, such as DT_FLOAT. `shape`: -1 is a free dimension; None: unknown rank.
    `tensor`: its name in the graph."""

    dtype: str
    shape: tuple[int, ...] | None
    tensor: str


@dataclass(frozen=True, slots=True)
class SignatureInfo:
    method_name: str
    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    model: str
    version: int
    signatures: Mapping[str, SignatureInfo]
