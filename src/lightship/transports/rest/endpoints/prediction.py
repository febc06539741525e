"""The endpoint `:predict` for JSON and for encoded images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from urllib.parse import parse_qsl

from lightship.batching import Steps
from lightship.errors import InvalidArgument
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.memory_budget import Reservation
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.services.images import classify_images_steps
from lightship.services.predict import check_signature, prepare_prediction
from lightship.tensors.array_memory import memory_of
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.endpoints.decoding_memory import decoding_memory
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.endpoints.predict_response import Tensors, outputs_document, predictions, rankings
from lightship.transports.rest.endpoints.prepared_predict import PreparedPredict
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.reading.dismantle import dismantle
from lightship.transports.rest.routes import Route
from lightship.transports.rest.writing.text_memory import answer_memory

DEFAULT_TOP = 5


def prepare_predict(manager: ServedModels, route: Route, request: Request) -> PreparedPredict:
    """Reads a JSON request.

    It checks the JSON, the signature's name, the model, the signature and the tensors, in this order.
    """
    decoding = decoding_memory(request)
    request.memory.grow(decoding)
    parsed = PredictRequest.parse(request.body)
    try:
        handle = manager.handle(route.model, route.version, route.label)
    except BaseException:
        dismantle(parsed.document, request.body)
        raise
    try:
        signature = check_signature(handle.servable, parsed.signature_name)
        tensors = parsed.tensors(_inputs(signature, parsed))
        if decoding:
            request.memory.shrink(decoding - memory_of(tensors.values()))
        prediction = prepare_prediction(handle.servable, signature, tensors, memory=request.memory)
    except BaseException:
        handle.release()
        raise
    finally:
        dismantle(parsed.document, request.body)
    write = partial(_written, route, handle.servable, request.memory, parsed.rows)
    return PreparedPredict(handle, prediction, write)


def answer_predict(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Reads and runs a JSON request."""
    return (yield from prepare_predict(manager, route, request).steps())


def answer_image(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Classifies an encoded image. The response has the best N labels, as given by `?top=N`."""
    top = _top(request.query)
    with manager.handle(route.model, route.version, route.label) as handle:
        (ranking,) = yield from classify_images_steps(handle.servable, [request.body], top, request.memory)
        return _response(route, handle.servable, rankings([ranking]))


def _inputs(signature: Signature, parsed: PredictRequest) -> Mapping[str, TensorSpec]:
    if not signature.inputs:  # the signature exists, but has no inputs
        name = parsed.signature_name or "DEFAULT"
        raise InvalidArgument(f"Failed to get input map for signature: {name}")
    return signature.inputs


def _top(query: str) -> int:
    """Returns N of `?top=N`. Raises InvalidArgument for any other query."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not pairs:
        return DEFAULT_TOP
    (name, value) = pairs[0]
    if len(pairs) > 1 or name != "top":
        raise InvalidArgument(f"an image's :predict takes one query parameter, top=N; got ?{query}")
    if not (value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value) > 0):
        raise InvalidArgument(f"top={value}: the number of labels must be 1 or more, such as ?top={DEFAULT_TOP}")
    return int(value)


def _written(route: Route, servable: Servable, memory: Reservation, rows: bool, outputs: Tensors) -> Response:
    needed = answer_memory(outputs, rows=rows)
    if needed:
        memory.grow(needed)
    return _response(route, servable, predictions(outputs) if rows else outputs_document(outputs))


def _response(route: Route, servable: Servable, body: bytes) -> Response:
    version = servable.id.version
    headers = version_header(version)
    return Response(200, body, headers=headers, model=route.model, api=route.action, version=version)
