"""What a client does over REST, call by call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lightship.client.arguments import Encoding, check_encoding, check_top
from lightship.client.inputs import Example, Inputs
from lightship.client.options import Options
from lightship.client.photos import Photo
from lightship.client.recipe import DEFAULT_SIGNATURE
from lightship.client.rest import binary, classify, error_texts, examples, metadata, tensors
from lightship.client.rest.answers import VERSION_HEADER, answering_version, json_of
from lightship.client.rest.exchange import JSON, Answer, Call, exchange
from lightship.client.results import (
    Classification,
    ModelMetadata,
    ModelStatus,
    Prediction,
    ScoredLabel,
    TensorInfo,
    VersionStatus,
)
from lightship.client.steps import Deadline, Steps
from lightship.client.target import Target
from lightship.errors import DeadlineExceeded, InvalidArgument, Unavailable, Unimplemented


class RestCalls:
    """Learns on the way what the server takes."""

    def __init__(self, url: str, options: Options) -> None:
        self.url, self._options, self._recipe = url, options, options.recipe
        self._known: dict[Target, ModelMetadata] = {}
        self._takes_images = True  # until the server shows that it does not
        self._imageless: set[str] = set()  # models of a Lightship that have no image spec or labels there
        self._is_lightship = False  # until the server shows that it is
        self._knows_bytes = True  # until it shows that it is an older one

    @property
    def _takes_bytes(self) -> bool:
        """Whether tensors may be sent as bytes without being asked to."""
        return self._is_lightship and self._knows_bytes

    def predict(self, target: Target, inputs: Inputs, signature: str | None, encoding: Encoding) -> Steps[Prediction]:
        check_encoding(encoding)
        deadline = Deadline(self._options.timeout)
        path, name = f"{model_path(target)}:predict", signature or DEFAULT_SIGNATURE
        answer: Answer | None = None
        if encoding == "binary" or (encoding == "auto" and self._takes_bytes):
            described = yield from self._described(target, target.version, deadline)
            answer = yield from self._sent_as_bytes(path, inputs, name, described, encoding, deadline)
        if answer is None:
            call = Call("POST", path, tensors.encode_columns(inputs, signature))
            answer = yield from self._exchange(call, deadline)
        answered = answering_version(answer) or target.version
        if binary.is_binary(answer):
            return Prediction(binary.outputs_in(answer), target.model, answered)
        outputs = tensors.outputs_in(json_of(answer))
        expected = yield from self._outputs_of(target, answered, name, outputs, deadline)
        return Prediction(tensors.decode_columns(outputs, expected), target.model, answered)

    def _sent_as_bytes(
        self,
        path: str,
        inputs: Inputs,
        signature: str,
        described: ModelMetadata,
        encoding: Encoding,
        deadline: Deadline,
    ) -> Steps[Answer | None]:
        """The answer; None where the call is to be made in JSON, because its tensors do not travel as bytes, or because
        it was refused: perhaps by a version of other dtypes than those known."""
        try:
            call = binary.binary_call(path, inputs, signature, described)
        except InvalidArgument:
            if encoding == "binary":
                raise
            return None
        answer = yield from self._exchange(call, deadline)
        if answer.status != 400:
            return answer
        self._known.clear()
        self._note_refusal(answer, needed=encoding == "binary")
        return answer if encoding == "binary" else None

    def classify_image(self, target: Target, photo: Photo, top: int) -> Steps[Classification]:
        check_top(top)
        deadline = Deadline(self._options.timeout)
        model, path = target.model, f"{model_path(target)}:predict"
        image = classify.photo_bytes(photo)
        if self._takes_images and model not in self._imageless:
            answer = yield from self._exchange(classify.image_call(path, image, top), deadline)
            if error_texts.takes_no_image_bodies(answer):
                self._takes_images = False
            elif self._recipe.image is not None and error_texts.model_takes_no_images(answer):
                self._imageless.add(model)
                self._is_lightship = True
            else:
                return classify.read_image_answer(json_of(answer), model, answering_version(answer) or target.version)
        described = yield from self._described(target, target.version, deadline)
        call = classify.tensor_call(path, image, described, self._recipe, as_bytes=self._takes_bytes)
        answer = yield from self._exchange(call, deadline)
        if answer.status == 400 and call.content_type != JSON:
            self._note_refusal(answer, needed=False)
            call = classify.tensor_call(path, image, described, self._recipe, as_bytes=False)
            answer = yield from self._exchange(call, deadline)
        answered = answering_version(answer) or target.version
        document = {"predictions": binary.rows_of(binary.outputs_in(answer))} if binary.is_binary(answer) else None
        return classify.read_tensor_answer(document or json_of(answer), model, answered, top, self._recipe)

    def classify(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[list[list[ScoredLabel]]]:
        call = examples.call(f"{model_path(target)}:classify", given, context, signature)
        answer = yield from self._exchange(call, Deadline(self._options.timeout))
        return examples.classifications_in(json_of(answer))

    def regress(
        self, target: Target, given: Sequence[Example], context: Example | None, signature: str | None
    ) -> Steps[NDArray[np.float32]]:
        call = examples.call(f"{model_path(target)}:regress", given, context, signature)
        answer = yield from self._exchange(call, Deadline(self._options.timeout))
        return examples.regressions_in(json_of(answer))

    def models(self) -> Steps[tuple[ModelStatus, ...]]:
        answer = yield from self._get("/v1/models")
        if answer.status in (400, 404):
            raise Unimplemented(
                f"{self.url} does not list its models, as TensorFlow Serving does not: ask status(model)"
            )
        models = metadata.read_models(json_of(answer))
        self._is_lightship = True
        return models

    def status(self, target: Target) -> Steps[tuple[VersionStatus, ...]]:
        answer = yield from self._get(model_path(target))
        return metadata.read_status(json_of(answer))

    def metadata(self, target: Target) -> Steps[ModelMetadata]:
        answer = yield from self._get(f"{model_path(target)}/metadata")
        return metadata.read_metadata(json_of(answer))

    def ready(self) -> Steps[bool]:
        return self._probe("/readyz")

    def live(self) -> Steps[bool]:
        return self._probe("/livez")

    def _probe(self, path: str) -> Steps[bool]:
        """A server without that path, such as TensorFlow Serving, answers only when it is ready."""
        try:
            answer = yield from exchange(self.url, Call("GET", path), Deadline(self._options.timeout), retries=0)
        except (Unavailable, DeadlineExceeded):
            return False
        return answer.status in (200, 404)

    def _outputs_of(
        self, target: Target, version: int | None, signature: str, outputs: object, deadline: Deadline
    ) -> Steps[Mapping[str, TensorInfo]]:
        """The signature's outputs by the metadata. `version`: the one that answered, if known.

        A server that does not say which version answered may have loaded another one since the metadata was read. So
        metadata that does not fit the outputs is read again.
        """
        described = yield from self._described(target, version, deadline)
        expected = metadata.outputs_of(described, signature)
        if not tensors.names_fit(outputs, expected):
            self._known.clear()
            described = yield from self._described(target, version, deadline)
            expected = metadata.outputs_of(described, signature)
        return expected

    def _described(self, target: Target, version: int | None, deadline: Deadline) -> Steps[ModelMetadata]:
        """The metadata of `version` of the target's model, or of the target if it is None. Read once for each."""
        exact = target.at_version(version)
        if exact not in self._known:
            answer = yield from self._exchange(Call("GET", f"{model_path(exact)}/metadata"), deadline)
            if answer.status == 404 and version is not None:  # it answered, and was unloaded since
                path = model_path(target.without_version())
                answer = yield from self._exchange(Call("GET", f"{path}/metadata"), deadline)
            self._known[exact] = metadata.read_metadata(json_of(answer))
        return self._known[exact]

    def _get(self, path: str) -> Steps[Answer]:
        return self._exchange(Call("GET", path), Deadline(self._options.timeout))

    def _exchange(self, call: Call, deadline: Deadline) -> Steps[Answer]:
        answer = yield from exchange(self.url, call, deadline, self._options.retries)
        if VERSION_HEADER in answer.headers:
            self._is_lightship = True
        return answer

    def _note_refusal(self, answer: Answer, *, needed: bool) -> None:
        """Learns from the answer to a binary call. Raises Unimplemented if it was needed and is not known there."""
        if error_texts.reads_json_only(answer):
            self._knows_bytes = False
            if needed:
                raise Unimplemented(f"{self.url} takes no tensors as bytes, as TensorFlow Serving does not: use JSON")


def model_path(target: Target) -> str:
    """The URL path of the model, or of its version or label, percent-encoded."""
    path = f"/v1/models/{quote(target.model, safe='')}"
    if target.version is not None:
        return f"{path}/versions/{target.version}"
    return path if target.label is None else f"{path}/labels/{quote(target.label, safe='')}"
