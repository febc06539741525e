"""What a client does over gRPC, call by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError, EncodeError
from numpy.typing import NDArray

from lightship import protos
from lightship.client.arguments import Encoding, check_encoding, check_top
from lightship.client.grpc import examples, metadata, tensors
from lightship.client.grpc.exchange import Call, exchange
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Options
from lightship.client.recipe import DEFAULT_SIGNATURE, IMAGE_SIGNATURE, decodes_in_the_graph
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    VersionStatus,
)
from lightship.client.steps import Deadline, Steps
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

if TYPE_CHECKING:
    from lightship.client.photos import Photo

_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService", "/tensorflow.serving.ModelService"
_CATALOG, _HEALTH = "/lightship.v1.ModelCatalog", "/grpc.health.v1.Health"
_SERVING = 1

# What to run, by the metadata: the signature, and its inputs.
Wanted = Callable[[ModelMetadata], tuple[str, Mapping[str, NDArray[Any]]]]


class GrpcCalls:
    """Asks for a model's metadata once for each version or label that is named."""

    def __init__(self, url: str, options: Options) -> None:
        self.url, self._options = url, options
        self._known: dict[Target, ModelMetadata] = {}

    def predict(self, target: Target, inputs: Inputs, signature: str | None, encoding: Encoding) -> Steps[Prediction]:
        check_encoding(encoding)
        name = signature or DEFAULT_SIGNATURE
        response = yield from self._run(
            target, lambda known: (name, tensors.arrays_for(inputs, name, known)), self._deadline()
        )
        outputs = {name: tensors.read(response.outputs[name], name) for name in response.outputs}
        return Prediction(outputs, target.model, _answered(response, target))

    def classify_image(self, target: Target, photo: Photo, top: int) -> Steps[Classification]:
        from lightship.client import photos  # brings Pillow

        check_top(top)
        deadline = self._deadline()
        image = photos.encoded(photo)

        def wanted(known: ModelMetadata) -> tuple[str, Mapping[str, NDArray[Any]]]:
            if decodes_in_the_graph(known):
                encoded = np.array([photos.as_jpeg_or_png(image)], object)
                return IMAGE_SIGNATURE, tensors.arrays_for(encoded, IMAGE_SIGNATURE, known)
            instance = self._options.recipe.instance(image, known)
            return DEFAULT_SIGNATURE, tensors.arrays_for(instance, DEFAULT_SIGNATURE, known)

        response = yield from self._run(target, wanted, deadline)
        outputs = {name: tensors.read(response.outputs[name], name) for name in response.outputs}
        model, answered = target.model, _answered(response, target)
        if {"labels", "scores"} <= set(outputs):
            labels, scores = (outputs[name].reshape(-1)[:top].tolist() for name in ("labels", "scores"))
            return Classification(tuple(labels), tuple(scores), model, answered)
        if len(outputs) != 1:
            raise FailedPrecondition(f"model {model} gives {', '.join(outputs) or 'nothing'}: use predict()")
        (scores,) = outputs.values()
        return self._options.recipe.ranked(scores[0] if scores.ndim else scores, top, model, answered)

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[list[list[ScoredLabel]]]:
        request = protos.ClassificationRequest()
        _write_model_spec(request.model_spec, target, signature or "")
        examples.write(request.input, given, context)
        call = Call(f"{_PREDICTION}/Classify", _bytes(request))
        response = yield from self._answered_by(call, protos.ClassificationResponse, self._deadline())
        return examples.classifications(response.result)

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[NDArray[np.float32]]:
        request = protos.RegressionRequest()
        _write_model_spec(request.model_spec, target, signature or "")
        examples.write(request.input, given, context)
        call = Call(f"{_PREDICTION}/Regress", _bytes(request))
        response = yield from self._answered_by(call, protos.RegressionResponse, self._deadline())
        return examples.regressions(response.result)

    def models(self) -> Steps[tuple[ModelStatus, ...]]:
        call = Call(f"{_CATALOG}/ListModels", b"", repeatable=True)
        try:
            response = yield from self._answered_by(call, protos.ListModelsResponse, self._deadline())
        except Unimplemented as error:
            raise Unimplemented(
                f"{self.url} does not list its models, as TensorFlow Serving does not: ask status(model)"
            ) from error
        return metadata.read_models(response)

    def status(self, target: Target) -> Steps[tuple[VersionStatus, ...]]:
        request = protos.GetModelStatusRequest()
        _write_model_spec(request.model_spec, target)
        call = Call(f"{_MODELS}/GetModelStatus", _bytes(request), repeatable=True)
        response = yield from self._answered_by(call, protos.GetModelStatusResponse, self._deadline())
        return metadata.read_status(response.model_version_status)

    def metadata(self, target: Target) -> Steps[ModelMetadata]:
        return self._described(target, self._deadline())

    def ready(self) -> Steps[bool]:
        """A server without the health service, such as TensorFlow Serving, answers only when it is ready."""
        try:
            answer = yield from self._health()
        except LightshipError as error:
            return isinstance(error, Unimplemented)
        return bool(answer.status == _SERVING)

    def live(self) -> Steps[bool]:
        try:
            yield from self._health()
        except LightshipError as error:
            return not isinstance(error, (Unavailable, DeadlineExceeded))
        return True

    def _health(self) -> Steps[Any]:
        call = Call(f"{_HEALTH}/Check", b"", repeatable=True)
        return self._answered_by(call, protos.HealthCheckResponse, self._deadline(), retries=0)

    def _run(self, target: Target, wanted: Wanted, deadline: Deadline) -> Steps[Any]:
        """The response to a Predict. What is refused may only not fit what is known of an older version: then the
        metadata is asked for again, and if it has changed, so is the model."""
        known = self._known.get(target)
        if known is None:
            known = self._known[target] = yield from self._described(target, deadline)
            return (yield from self._predicted(target, *wanted(known), deadline))
        try:
            return (yield from self._predicted(target, *wanted(known), deadline))
        except (InvalidArgument, FailedPrecondition):
            self._known[target] = fresh = yield from self._described(target, deadline)
            if fresh.signatures == known.signatures:
                raise
        return (yield from self._predicted(target, *wanted(fresh), deadline))

    def _predicted(
        self, target: Target, signature: str, arrays: Mapping[str, NDArray[Any]], deadline: Deadline
    ) -> Steps[Any]:
        request = protos.PredictRequest()
        _write_model_spec(request.model_spec, target, signature)
        for name, array in arrays.items():
            tensors.write(request.inputs[name], array, name)
        call = Call(f"{_PREDICTION}/Predict", _bytes(request))
        return (yield from self._answered_by(call, protos.PredictResponse, deadline))

    def _described(self, target: Target, deadline: Deadline) -> Steps[ModelMetadata]:
        request = protos.GetModelMetadataRequest(metadata_field=[metadata.SIGNATURES])
        _write_model_spec(request.model_spec, target)
        call = Call(f"{_PREDICTION}/GetModelMetadata", _bytes(request), repeatable=True)
        response = yield from self._answered_by(call, protos.GetModelMetadataResponse, deadline)
        return metadata.read_metadata(response, target.model)

    def _answered_by(self, call: Call, kind: Any, deadline: Deadline, retries: int | None = None) -> Steps[Any]:
        body = yield from exchange(self.url, call, deadline, self._options.retries if retries is None else retries)
        try:
            return kind.FromString(body)
        except DecodeError as error:
            raise Unknown(f"{self.url} did not answer with a {kind.DESCRIPTOR.name}; is it a model server?") from error

    def _deadline(self) -> Deadline:
        return Deadline(self._options.timeout)


def _bytes(request: Any) -> bytes:
    try:
        data: bytes = request.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise InvalidArgument(f"the request is larger than 2 GiB, which no message can be ({error})") from error
    return data


def _write_model_spec(spec: Any, target: Target, signature: str = "") -> None:
    spec.name, spec.signature_name = target.model, signature
    if target.version is not None:
        spec.version.value = target.version
    elif target.label is not None:
        spec.version_label = target.label


def _answered(response: Any, target: Target) -> int | None:
    """The version that answered, where the server says so; else the one asked for."""
    return response.model_spec.version.value if response.model_spec.HasField("version") else target.version
