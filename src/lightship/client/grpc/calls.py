"""The methods of a client over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError, EncodeError
from numpy.typing import NDArray

from lightship import protos
from lightship.client.address import CHECK_ADDRESS
from lightship.client.arguments import Encoding, check_encoding, check_top
from lightship.client.class_choice import ClassChoice, check_class
from lightship.client.explanations import Explanation
from lightship.client.flow import Deadline, Flow
from lightship.client.grpc import examples, metadata, tensors
from lightship.client.grpc.exchange import GrpcRequest, exchange
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Options
from lightship.client.preprocessing import DEFAULT_SIGNATURE, ENCODED_IMAGE_SIGNATURE, decodes_in_the_graph
from lightship.client.reading import reading
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
    WorkerStatus,
)
from lightship.client.rise import Rise, rise_of
from lightship.client.target import Target
from lightship.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LightshipError,
    Unavailable,
    Unimplemented,
    Unknown,
)
from lightship.extras import required

if TYPE_CHECKING:
    from lightship.client.photos import Photo

_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_CATALOG, _HEALTH = "/lightship.v1.ModelCatalog", "/grpc.health.v1.Health"
_SERVING = 1  # of HealthCheckResponse.ServingStatus

# Chooses by the metadata which signature to run, and makes its inputs.
ChooseInputs = Callable[[ModelMetadata], tuple[str, Mapping[str, NDArray[Any]]]]


class GrpcCalls:
    """Requests the metadata once for each target, and again only after a refusal."""

    def __init__(self, url: str, options: Options) -> None:
        self.url, self._options = url, options
        self._metadata: dict[Target, ModelMetadata] = {}

    def predict(
        self,
        target: Target,
        inputs: Inputs,
        signature: str | None,
        encoding: Encoding,
        *,
        patient: bool = False,
    ) -> Flow[Prediction]:
        check_encoding(encoding)
        name = signature or DEFAULT_SIGNATURE
        response = yield from self._run(
            target,
            lambda known: (name, tensors.arrays_for(inputs, name, known)),
            Deadline(self._options.timeout, patient=patient),
        )
        outputs = {name: tensors.read(response.outputs[name], name) for name in response.outputs}
        return Prediction(outputs, target.model, _version_of(response, target))

    def classify_image(self, target: Target, photo: Photo, top: int, *, patient: bool = False) -> Flow[Classification]:
        with required("classify_image"):
            from lightship.client import photos  # imports Pillow

        check_top(top)
        deadline = Deadline(self._options.timeout, patient=patient)
        image = photos.encoded(photo)

        def choose_inputs(known: ModelMetadata) -> tuple[str, Mapping[str, NDArray[Any]]]:
            if decodes_in_the_graph(known):
                encoded = np.array([photos.for_graph(image)], object)
                return ENCODED_IMAGE_SIGNATURE, tensors.arrays_for(encoded, ENCODED_IMAGE_SIGNATURE, known)
            instance = self._options.preprocessing.preprocess(image, known)
            return DEFAULT_SIGNATURE, tensors.arrays_for(instance, DEFAULT_SIGNATURE, known)

        response = yield from self._run(target, choose_inputs, deadline)
        outputs = {name: tensors.read(response.outputs[name], name) for name in response.outputs}
        model, version = target.model, _version_of(response, target)
        if {"labels", "scores"} <= set(outputs):
            labels, scores = (outputs[name].reshape(-1)[:top].tolist() for name in ("labels", "scores"))
            return Classification(tuple(labels), tuple(scores), model, version)
        if len(outputs) != 1:
            raise FailedPrecondition(
                f"classify_image needs a model that returns scores, but {model} returns "
                f"{', '.join(outputs) or 'nothing'}: use predict()"
            )
        (scores,) = outputs.values()
        with reading("the scores"):
            return self._options.preprocessing.classification(scores[0] if scores.ndim else scores, top, model, version)

    def explain_image(
        self, target: Target, photo: Photo, class_: ClassChoice, method: str | Rise | None, *, patient: bool = False
    ) -> Flow[Explanation]:
        with required("explain_image"):
            from lightship.client import explaining  # imports Pillow

        check_class(class_)
        rise, preprocessing = rise_of(method), self._options.preprocessing
        if rise is not None:
            return (yield from explaining.by_rise(self, preprocessing, target, photo, class_, rise))
        from lightship.client.photos import encoded

        name = method if isinstance(method, str) else None
        answer = explaining.by_signature(self, preprocessing, target, encoded(photo), class_, name, patient=patient)
        return (yield from answer)

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[list[list[ScoredLabel]]]:
        message = protos.ClassificationRequest()
        _write_model_spec(message.model_spec, target, signature or "")
        examples.write(message.input, given, context)
        request = GrpcRequest(f"{_PREDICTION}/Classify", _serialize(message))
        response = yield from self._exchange(request, protos.ClassificationResponse, self._deadline())
        return examples.classifications(response.result)

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[NDArray[np.float32]]:
        message = protos.RegressionRequest()
        _write_model_spec(message.model_spec, target, signature or "")
        examples.write(message.input, given, context)
        request = GrpcRequest(f"{_PREDICTION}/Regress", _serialize(message))
        response = yield from self._exchange(request, protos.RegressionResponse, self._deadline())
        return examples.regressions(response.result)

    def models(self) -> Flow[tuple[ModelStatus, ...]]:
        return metadata.read_models((yield from self._list()))

    def workers(self) -> Flow[tuple[WorkerStatus, ...]]:
        return metadata.read_workers((yield from self._list()))

    def _list(self) -> Flow[Any]:
        request = GrpcRequest(f"{_CATALOG}/ListModels", b"", repeatable=True)
        try:
            return (yield from self._exchange(request, protos.ListModelsResponse, self._deadline()))
        except Unimplemented as error:
            raise Unimplemented(
                f"{self.url} cannot list its models: TensorFlow Serving has no such request; use status(model)"
            ) from error

    def status(self, target: Target) -> Flow[tuple[VersionStatus, ...]]:
        message = protos.GetModelStatusRequest()
        _write_model_spec(message.model_spec, target)
        request = GrpcRequest(f"{_MODELS}/GetModelStatus", _serialize(message), repeatable=True)
        response = yield from self._exchange(request, protos.GetModelStatusResponse, self._deadline())
        return metadata.read_status(response.model_version_status)

    def metadata(self, target: Target) -> Flow[ModelMetadata]:
        known = self._metadata[target] = yield from self._fetch_metadata(target, self._deadline())
        self._metadata[target.at_version(known.version)] = known
        return known

    def ready(self) -> Flow[bool]:
        """TensorFlow Serving has no health service, and listens only when it is ready: so Unimplemented means True."""
        try:
            response = yield from self._health()
        except LightshipError as error:
            return isinstance(error, Unimplemented)
        return bool(response.status == _SERVING)

    def live(self) -> Flow[bool]:
        try:
            yield from self._health()
        except LightshipError as error:
            return not isinstance(error, (Unavailable, DeadlineExceeded))
        return True

    def _health(self) -> Flow[Any]:
        request = GrpcRequest(f"{_HEALTH}/Check", b"", repeatable=True)
        return self._exchange(request, protos.HealthCheckResponse, self._deadline(), retries=0)

    def _run(self, target: Target, choose_inputs: ChooseInputs, deadline: Deadline) -> Flow[Any]:
        """Returns the PredictResponse.

        The metadata may be of an older version. So if the request is refused, the metadata is requested again, and if
        the signatures have changed, the request is made anew from them.
        """
        known = self._metadata.get(target)
        if known is None:
            known = self._metadata[target] = yield from self._fetch_metadata(target, deadline)
            return (yield from self._predict(target, *choose_inputs(known), deadline))
        try:
            return (yield from self._predict(target, *choose_inputs(known), deadline))
        except (InvalidArgument, FailedPrecondition):
            self._metadata[target] = fresh = yield from self._fetch_metadata(target, deadline)
            if fresh.signatures == known.signatures:
                raise
        return (yield from self._predict(target, *choose_inputs(fresh), deadline))

    def _predict(
        self, target: Target, signature: str, arrays: Mapping[str, NDArray[Any]], deadline: Deadline
    ) -> Flow[Any]:
        message = protos.PredictRequest()
        _write_model_spec(message.model_spec, target, signature)
        for name, array in arrays.items():
            tensors.write(message.inputs[name], array, name)
        request = GrpcRequest(f"{_PREDICTION}/Predict", _serialize(message))
        return (yield from self._exchange(request, protos.PredictResponse, deadline))

    def _fetch_metadata(self, target: Target, deadline: Deadline) -> Flow[ModelMetadata]:
        message = protos.GetModelMetadataRequest(metadata_field=[metadata.SIGNATURES])
        _write_model_spec(message.model_spec, target)
        request = GrpcRequest(f"{_PREDICTION}/GetModelMetadata", _serialize(message), repeatable=True)
        response = yield from self._exchange(request, protos.GetModelMetadataResponse, deadline)
        return metadata.read_metadata(response, target.model)

    def _exchange(self, request: GrpcRequest, kind: Any, deadline: Deadline, retries: int | None = None) -> Flow[Any]:
        body = yield from exchange(self.url, request, deadline, self._options.retries if retries is None else retries)
        try:
            return kind.FromString(body)
        except DecodeError as error:
            raise Unknown(f"{self.url} did not answer with a {kind.DESCRIPTOR.name}, so {CHECK_ADDRESS}") from error

    def _deadline(self) -> Deadline:
        return Deadline(self._options.timeout)


def _serialize(message: Any) -> bytes:
    try:
        data: bytes = message.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise InvalidArgument(f"the request is larger than 2 GiB, the limit of a protobuf message ({error})") from error
    return data


def _write_model_spec(spec: Any, target: Target, signature: str = "") -> None:
    spec.name, spec.signature_name = target.model, signature
    if target.version is not None:
        spec.version.value = target.version
    elif target.label is not None:
        spec.version_label = target.label


def _version_of(response: Any, target: Target) -> int | None:
    """The version that answered, or the requested one if the server does not say."""
    return response.model_spec.version.value if response.model_spec.HasField("version") else target.version
