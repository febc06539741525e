"""`:predict`: from the body's bytes to the answer's."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from lightship.errors import InvalidArgument
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import Servable
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.services.images import classify_images
from lightship.services.predict import check_signature, predict
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.endpoints.predict_request import PredictRequest
from lightship.transports.rest.endpoints.predict_response import outputs_document, predictions, rankings
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.routes import Route

DEFAULT_TOP = 5


def answer_predict(manager: Manager, route: Route, request: Request, prompt: bool = False) -> Response:
    """JSON in, JSON out. Checked in this order: JSON, signature's name, model, signature, tensors.

    Raises NotPrompt where it was asked for and the run may take long.
    """
    parsed = PredictRequest.parse(request.body)
    with manager.handle(route.model, route.version, route.label) as handle:
        servable = handle.servable
        signature = check_signature(servable, parsed.signature_name)
        outputs = predict(servable, signature, parsed.tensors(_inputs(signature, parsed)), prompt=prompt)
        body = predictions(outputs) if parsed.rows else outputs_document(outputs)
        return _response(route, servable, body)


def answer_image(manager: Manager, route: Route, request: Request) -> Response:
    """An encoded image as it is; the best `?top=N` labels."""
    top = _top(request.query)
    with manager.handle(route.model, route.version, route.label) as handle:
        (ranking,) = classify_images(handle.servable, [request.body], top)
        return _response(route, handle.servable, rankings([ranking]))


def _inputs(signature: Signature, parsed: PredictRequest) -> Mapping[str, TensorSpec]:
    if not signature.inputs:
        name = parsed.signature_name or "DEFAULT"
        raise InvalidArgument(f"Failed to get input map for signature: {name}")
    return signature.inputs


def _top(query: str) -> int:
    """N of `?top=N`. Raises InvalidArgument for anything else in the query."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not pairs:
        return DEFAULT_TOP
    (name, value) = pairs[0]
    if len(pairs) > 1 or name != "top":
        raise InvalidArgument(f"an image's :predict takes one query parameter, top=N; got ?{query}")
    if not (value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value) > 0):
        raise InvalidArgument(f"top={value}: the number of labels must be 1 or more, such as ?top={DEFAULT_TOP}")
    return int(value)


def _response(route: Route, servable: Servable, body: bytes) -> Response:
    headers = version_header(servable.id.version)
    return Response(200, body, headers=headers, model=route.model, api=route.action)
