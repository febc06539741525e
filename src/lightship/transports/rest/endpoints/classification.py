"""`:classify` and `:regress`: from the body's bytes to the answer's."""

from __future__ import annotations

from lightship.lifecycle.manager import Manager
from lightship.lifecycle.servable import Servable
from lightship.services import classify, regress
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.endpoints.examples import ExampleRequest
from lightship.transports.rest.endpoints.results import classifications_document, regressions_document
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.routes import Route


def answer_classify(manager: Manager, route: Route, request: Request) -> Response:
    """Checked in this order: the document, the model, the signature."""
    parsed = ExampleRequest.parse(request.body)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = classify(handle.servable, parsed.signature_name, parsed.examples)
        return _response(route, handle.servable, classifications_document(result))


def answer_regress(manager: Manager, route: Route, request: Request) -> Response:
    """Checked in the same order."""
    parsed = ExampleRequest.parse(request.body)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = regress(handle.servable, parsed.signature_name, parsed.examples)
        return _response(route, handle.servable, regressions_document(result))


def _response(route: Route, servable: Servable, body: bytes) -> Response:
    headers = version_header(servable.id.version)
    return Response(200, body, headers=headers, model=route.model, api=route.action)
