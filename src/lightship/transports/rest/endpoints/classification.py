"""The endpoints `:classify` and `:regress`."""

from __future__ import annotations

from lightship.errors import LightshipError
from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import Servable
from lightship.services import classify, regress
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.endpoints.examples import ExampleRequest
from lightship.transports.rest.endpoints.results import classifications_document, regressions_document
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.routes import Route


def answer_classify(manager: Manager, route: Route, request: Request) -> Response:
    """Answers `:classify`. It checks the document, the model and the signature, in this order."""
    parsed = ExampleRequest.parse(request.body)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = classify(handle.servable, parsed.signature_name, parsed.examples)
        return _response(route, handle.servable, classifications_document(result))


def answer_regress(manager: Manager, route: Route, request: Request) -> Response:
    """Answers `:regress`. It makes the same checks in the same order as `answer_classify`."""
    parsed = ExampleRequest.parse(request.body)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = regress(handle.servable, parsed.signature_name, parsed.examples)
        return _response(route, handle.servable, regressions_document(result))


def classifies_images(manager: Manager, route: Route) -> bool:
    """Returns whether the examples of a model may hold encoded images, which this server decodes."""
    try:
        with manager.handle(route.model, route.version, route.label) as handle:
            return bool(handle.servable.bundle.image_signatures)
    except LightshipError:  # the call itself reports it, after the checks before
        return False


def _response(route: Route, servable: Servable, body: bytes) -> Response:
    headers = version_header(servable.id.version)
    return Response(200, body, headers=headers, model=route.model, api=route.action)
