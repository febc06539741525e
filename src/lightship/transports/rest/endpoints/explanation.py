"""The endpoint `:explain`, which TensorFlow Serving does not have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from lightship.batching import Steps
from lightship.errors import InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.memory_budget import Reservation
from lightship.saved_model.signatures import TensorSpec
from lightship.services.explain import (
    Explanations,
    explain_arrays_steps,
    explain_images_steps,
    image_input,
    method_of,
    regions_of,
    without_class,
)
from lightship.services.timed_steps import timed
from lightship.tensors.array_memory import memory_of
from lightship.tensors.dtypes import DataType
from lightship.transports.http.messages import JSON, Headers, Request, Response
from lightship.transports.rest.endpoints.binary_prediction import binary_inputs
from lightship.transports.rest.endpoints.decoding_memory import decoding_memory
from lightship.transports.rest.endpoints.explain_options import (
    PNG,
    ExplainOptions,
    check_fields,
    explain_options,
    wanted_media,
)
from lightship.transports.rest.endpoints.explain_response import explained_photo, explanations_document
from lightship.transports.rest.endpoints.predict_request import PredictRequest, document_of
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.reading.dismantle import dismantle
from lightship.transports.rest.reading.leaves import is_base64
from lightship.transports.rest.reading.values import JsonValue
from lightship.transports.rest.routes import Route

# Encoded images, and the model's own input.
_Images = list[bytes] | NDArray[Any]


def answer_explained_image(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Explains the answer for an encoded image, which is the body. The options are in the query."""
    media = wanted_media(request.header(b"accept"))
    options = explain_options(request.query, {}, media)
    with manager.handle(route.model, route.version, route.label) as handle:
        servable = handle.servable
        method_of(servable, options.method)
        return (yield from _answer(route, servable, [request.body], options, media, request.memory))


def answer_explained_binary(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Explains the answers for images as binary tensors: the model's own input. The options are in the query."""
    media = wanted_media(request.header(b"accept"))
    options = explain_options(request.query, {}, media)
    with manager.handle(route.model, route.version, route.label) as handle:
        servable = handle.servable
        _, signature = method_of(servable, options.method)
        (batch,) = binary_inputs(without_class(signature), request).values()
        return (yield from _answer(route, servable, batch, options, media, request.memory))


def answer_explain(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Explains the answers for images in JSON: encoded in base64, or the model's own input.

    It checks the wanted media type, the JSON, its members and options, the model, the method and the images, in this
    order.
    """
    media = wanted_media(request.header(b"accept"))
    decoding = decoding_memory(request)
    request.memory.grow(decoding)
    document = document_of(request.body)
    try:
        check_fields(document)
        options = explain_options(request.query, document, media)
        handle = manager.handle(route.model, route.version, route.label)
    except BaseException:
        dismantle(document, request.body)
        raise
    with handle:
        servable = handle.servable
        try:
            images = _images(servable, document, options)
        finally:
            dismantle(document, request.body)
        del document
        request.memory.shrink(decoding - _bytes_of(images))
        return (yield from _answer(route, servable, images, options, media, request.memory))


def _images(servable: Servable, document: dict[str, JsonValue], options: ExplainOptions) -> _Images:
    """Returns the images of a JSON request: the encoded ones, or the batch of the model's own input."""
    _, signature = method_of(servable, options.method)
    spec = image_input(signature)
    encoded = _holds_encoded(document, spec)
    if encoded:
        spec = replace(spec, dtype=DataType.DT_STRING, name=encoded)
    (batch,) = PredictRequest(document, "").tensors({spec.name: spec}).values()
    if not encoded:
        return batch
    if batch.ndim != 1:
        raise InvalidArgument(
            f"the encoded images have shape {list(batch.shape)}: give them in a list of one dimension"
        )
    return list(batch)


def _holds_encoded(document: Mapping[str, JsonValue], spec: TensorSpec) -> str:
    """Returns the name of the input if a request holds encoded images, by its first value; else "".

    They may come as `{"b64": ...}`, or as an object whose only member is called other than the model's own input, such
    as `{"image_bytes": {"b64": ...}}`.
    """
    found: Any = document.get("instances", document.get("inputs"))
    if isinstance(found, list) and found:
        found = found[0]
    if is_base64(found):
        return spec.name
    if isinstance(found, dict) and len(found) == 1:
        ((name, value),) = found.items()
        first = value[0] if isinstance(value, list) and value else value
        return name if is_base64(first) else ""
    return ""


def _bytes_of(images: _Images) -> int:
    return sum(map(len, images)) if isinstance(images, list) else memory_of([images])


def _answer(
    route: Route, servable: Servable, images: _Images, options: ExplainOptions, media: bytes, memory: Reservation
) -> Steps[Response]:
    _check_images(images)
    if media == PNG:
        _check_one_photo(images, options)
    found = yield from _explained(servable, images, options, memory)
    headers: Headers = ()
    if media == PNG:
        body, headers = explained_photo(servable, images[0], found, options, memory)
    else:
        regions = regions_of(servable, images) if isinstance(images, list) else None
        body = explanations_document(found, options.top, route.model, memory, regions)
    version = servable.id.version
    headers = (*version_header(version), *headers)
    return Response(200, body, media, headers, model=route.model, api=route.action, version=version)


def _explained(
    servable: Servable, images: _Images, options: ExplainOptions, memory: Reservation
) -> Steps[Explanations]:
    classes, top = options.indices(servable, len(images)), options.top or 1
    if isinstance(images, list):
        steps = explain_images_steps(servable, images, classes, options.method, memory, top=top)
    else:
        steps = explain_arrays_steps(servable, images, classes, options.method, memory, top=top)
    return (yield from timed(servable, "Explain", steps))


def _check_images(images: _Images) -> None:
    if not isinstance(images, list) and images.ndim == 0:
        raise InvalidArgument("the input is a single number: give images, of shape [N, ...]")
    if not len(images):
        raise InvalidArgument("there is no image to explain: give at least one")


def _check_one_photo(images: _Images, options: ExplainOptions) -> None:
    """Raises InvalidArgument unless the answer can be an image of one photo."""
    wanted = f"Accept is {PNG.decode()}, which is one photo with one map"
    otherwise = f"send Accept: {JSON.decode()}"
    if not isinstance(images, list):
        raise InvalidArgument(f"{wanted}, but the request has the model's own input: send the photo, or {otherwise}")
    if len(images) > 1:
        raise InvalidArgument(f"{wanted}, but the request has {len(images)}: send one, or {otherwise}")
    if (options.top or 1) > 1:
        raise InvalidArgument(f"{wanted}, but top is {options.top}: leave it out, or {otherwise}")
