"""The methods of a client over REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.client import photos
from lightship.client.arguments import Encoding, check_encoding, check_top
from lightship.client.class_choice import ClassChoice, check_class
from lightship.client.explaining import by_rise, by_signature, encoded_or_array, takes_photos
from lightship.client.explanations import Explanation
from lightship.client.flow import Deadline, Flow
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Options
from lightship.client.photos import Photo
from lightship.client.preprocessing import DEFAULT_SIGNATURE
from lightship.client.rest import binary, classify, error_texts, examples, explain, metadata, tensors
from lightship.client.rest.exchange import JSON, HttpRequest, HttpResponse, exchange
from lightship.client.rest.paths import model_path
from lightship.client.rest.responses import VERSION_HEADER, read_json, version_of
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    TensorInfo,
    VersionStatus,
    WorkerStatus,
)
from lightship.client.rise import Rise, rise_of
from lightship.client.target import Target
from lightship.errors import DeadlineExceeded, InvalidArgument, Unavailable, Unimplemented


class RestCalls:
    """Remembers what the server's responses show of it, and the metadata of its models."""

    def __init__(self, url: str, options: Options) -> None:
        self.url, self._options, self._preprocessing = url, options, options.preprocessing
        self._metadata: dict[Target, ModelMetadata] = {}
        self._takes_images = True  # until the server refuses a request whose body is an image
        self._explains = True  # until it refuses `:explain`, because it is TensorFlow Serving or an older Lightship
        self._models_without_images: set[str] = set()  # models of a Lightship server without image spec or labels
        self._is_lightship = False  # until a response shows that it is
        self._knows_bytes = True  # until it shows that it is an older Lightship

    @property
    def _takes_bytes(self) -> bool:
        """Whether tensors may be sent as bytes although the caller did not demand it."""
        return self._is_lightship and self._knows_bytes

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
        deadline = Deadline(self._options.timeout, patient=patient)
        path, name = f"{model_path(target)}:predict", signature or DEFAULT_SIGNATURE
        response: HttpResponse | None = None
        if encoding == "binary" or (encoding == "auto" and self._takes_bytes):
            described = yield from self._metadata_of(target, target.version, deadline)
            response = yield from self._send_as_bytes(path, inputs, name, described, encoding, deadline)
        if response is None:
            request = HttpRequest("POST", path, tensors.encode_columns(inputs, signature))
            response = yield from self._exchange(request, deadline)
        version = version_of(response) or target.version
        if binary.is_binary(response):
            return Prediction(binary.read_outputs(response), target.model, version)
        outputs = tensors.outputs_in(read_json(response))
        expected = yield from self._expected_outputs(target, version, name, outputs, deadline)
        return Prediction(tensors.decode_columns(outputs, expected), target.model, version)

    def _send_as_bytes(
        self,
        path: str,
        inputs: Inputs,
        signature: str,
        described: ModelMetadata,
        encoding: Encoding,
        deadline: Deadline,
    ) -> Flow[HttpResponse | None]:
        """Returns the response, or None if the caller should send JSON instead.

        That is the case for tensors that cannot be sent as bytes, and after a refusal: the metadata may be of an older
        version whose dtypes differ.
        """
        try:
            request = binary.binary_request(path, inputs, signature, described)
        except InvalidArgument:
            if encoding == "binary":
                raise
            return None
        response = yield from self._exchange(request, deadline)
        if response.status != 400:
            return response
        self._metadata.clear()
        self._note_refusal(response, required=encoding == "binary")
        return response if encoding == "binary" else None

    def classify_image(self, target: Target, photo: Photo, top: int, *, patient: bool = False) -> Flow[Classification]:
        check_top(top)
        deadline = Deadline(self._options.timeout, patient=patient)
        model, path = target.model, f"{model_path(target)}:predict"
        image = photos.encoded(photo)
        if self._takes_images and model not in self._models_without_images:
            response = yield from self._exchange(classify.image_request(path, image, top), deadline)
            if error_texts.takes_no_image_bodies(response):
                self._takes_images = False
            elif error_texts.model_takes_no_images(response):
                if self._preprocessing.image is not None:  # else the model's next version may take images
                    self._models_without_images.add(model)
                self._is_lightship = True
            else:
                version = version_of(response) or target.version
                return classify.read_image_response(read_json(response), model, version)
        described = yield from self._metadata_of(target, target.version, deadline)
        request = classify.tensor_request(path, image, described, self._preprocessing, as_bytes=self._takes_bytes)
        response = yield from self._exchange(request, deadline)
        if response.status == 400 and request.content_type != JSON:
            self._note_refusal(response, required=False)
            request = classify.tensor_request(path, image, described, self._preprocessing, as_bytes=False)
            response = yield from self._exchange(request, deadline)
        version = version_of(response) or target.version
        if binary.is_binary(response):
            document = {"predictions": binary.rows_of(binary.read_outputs(response))}
        else:
            document = read_json(response)
        return classify.read_tensor_response(document, model, version, top, self._preprocessing)

    def explain_image(
        self, target: Target, photo: Photo, class_: ClassChoice, method: str | Rise | None, *, patient: bool = False
    ) -> Flow[Explanation]:
        check_class(class_)
        rise = rise_of(method)
        if rise is not None:
            return (yield from by_rise(self, self._preprocessing, target, photo, class_, rise))
        name, image = (method if isinstance(method, str) else None), encoded_or_array(photo)
        deadline, path = Deadline(self._options.timeout, patient=patient), f"{model_path(target)}:explain"
        if isinstance(image, bytes):
            if self._explains:
                response = yield from self._exchange(explain.photo_request(path, image, class_, name), deadline)
                self._explains = not error_texts.has_no_explain(response)
                if self._explains and not error_texts.model_takes_no_images(response):
                    explain.check_response(response, self.url)
                    version = version_of(response) or target.version
                    return explain.read_explanation(read_json(response), target.model, version, image)
            if not self._explains:
                found = by_signature(self, self._preprocessing, target, image, class_, name, patient=patient)
                return (yield from found)
        return (yield from self._explain_tensor(target, photo, image, class_, name, deadline))

    def _explain_tensor(
        self,
        target: Target,
        photo: Photo,
        image: bytes | InvalidArgument,
        class_: ClassChoice,
        method: str | None,
        deadline: Deadline,
    ) -> Flow[Explanation]:
        """For models that do not take photos: the client preprocesses, or the caller's array is the model's input."""
        described = yield from self._metadata_of(target, target.version, deadline)
        if isinstance(image, InvalidArgument) and takes_photos(described, self._preprocessing):
            raise image
        request, region = explain.tensor_request(
            f"{model_path(target)}:explain", photo, class_, method, described, self._preprocessing
        )
        response = yield from self._exchange(request, deadline)
        explain.check_response(response, self.url)
        version, data = version_of(response) or target.version, image if isinstance(image, bytes) else None
        return explain.read_explanation(read_json(response), target.model, version, data, region)

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[list[list[ScoredLabel]]]:
        request = examples.examples_request(f"{model_path(target)}:classify", given, context, signature)
        response = yield from self._exchange(request, Deadline(self._options.timeout))
        return examples.classifications_in(read_json(response))

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Flow[NDArray[np.float32]]:
        request = examples.examples_request(f"{model_path(target)}:regress", given, context, signature)
        response = yield from self._exchange(request, Deadline(self._options.timeout))
        return examples.regressions_in(read_json(response))

    def models(self) -> Flow[tuple[ModelStatus, ...]]:
        return metadata.read_models((yield from self._list()))

    def workers(self) -> Flow[tuple[WorkerStatus, ...]]:
        return metadata.read_workers((yield from self._list()))

    def _list(self) -> Flow[Any]:
        response = yield from self._get("/v1/models")
        if response.status in (400, 404):
            raise Unimplemented(
                f"{self.url} cannot list its models: TensorFlow Serving has no such request; use status(model)"
            )
        document = read_json(response)
        metadata.read_models(document)  # raises an error if it is not a list of models
        self._is_lightship = True
        return document

    def status(self, target: Target) -> Flow[tuple[VersionStatus, ...]]:
        response = yield from self._get(model_path(target))
        return metadata.read_status(read_json(response))

    def metadata(self, target: Target) -> Flow[ModelMetadata]:
        response = yield from self._get(f"{model_path(target)}/metadata")
        known = self._metadata[target] = metadata.read_metadata(read_json(response))
        self._metadata[target.at_version(known.version)] = known
        return known

    def ready(self) -> Flow[bool]:
        return self._probe("/readyz")

    def live(self) -> Flow[bool]:
        return self._probe("/livez")

    def _probe(self, path: str) -> Flow[bool]:
        """TensorFlow Serving does not have the path, and listens only when it is ready: so 404 means True."""
        request = HttpRequest("GET", path)
        try:
            response = yield from exchange(self.url, request, Deadline(self._options.timeout), retries=0)
        except (Unavailable, DeadlineExceeded):
            return False
        return response.status in (200, 404)

    def _expected_outputs(
        self, target: Target, version: int | None, signature: str, outputs: object, deadline: Deadline
    ) -> Flow[Mapping[str, TensorInfo]]:
        """The signature's outputs according to the metadata.

        A server that does not say which version answered may have loaded another one since the metadata was read. So
        metadata that does not fit the outputs is read again.

        version: the one that answered, if known.
        """
        described = yield from self._metadata_of(target, version, deadline)
        expected = metadata.outputs_of(described, signature)
        if not tensors.names_fit(outputs, expected):
            self._metadata.clear()
            described = yield from self._metadata_of(target, version, deadline)
            expected = metadata.outputs_of(described, signature)
        return expected

    def _metadata_of(self, target: Target, version: int | None, deadline: Deadline) -> Flow[ModelMetadata]:
        """The metadata of this version of the target's model, or of the target itself for None; requested once."""
        exact = target.at_version(version)
        known = self._metadata.get(exact)
        if known is None:
            response = yield from self._exchange(HttpRequest("GET", f"{model_path(exact)}/metadata"), deadline)
            if response.status == 404 and version is not None:  # the version answered, and was unloaded since then
                path = model_path(target.without_version())
                response = yield from self._exchange(HttpRequest("GET", f"{path}/metadata"), deadline)
            known = self._metadata[exact] = metadata.read_metadata(read_json(response))
        return known  # another thread may have cleared the dictionary meanwhile

    def _get(self, path: str) -> Flow[HttpResponse]:
        return self._exchange(HttpRequest("GET", path), Deadline(self._options.timeout))

    def _exchange(self, request: HttpRequest, deadline: Deadline) -> Flow[HttpResponse]:
        response = yield from exchange(self.url, request, deadline, self._options.retries)
        if VERSION_HEADER in response.headers:
            self._is_lightship = True
        return response

    def _note_refusal(self, response: HttpResponse, *, required: bool) -> None:
        """Remembers that the server does not take tensors as bytes, if the refusal says so.

        required: whether to raise Unimplemented in this case.
        """
        if error_texts.reads_json_only(response):
            self._knows_bytes = False
            if required:
                raise Unimplemented(
                    f"{self.url} does not take tensors as bytes, only Lightship does: use encoding='json'"
                )
