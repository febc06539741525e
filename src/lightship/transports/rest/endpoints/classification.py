"""The endpoints `:classify` and `:regress`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from lightship.batching import Steps
from lightship.errors import LightshipError
from lightship.lifecycle.servable import Servable
from lightship.lifecycle.served_models import ServedModels
from lightship.services import classify_steps, regress_steps
from lightship.transports.http.messages import Request, Response
from lightship.transports.rest.endpoints.decoding_memory import decoding_memory
from lightship.transports.rest.endpoints.examples import ExampleRequest
from lightship.transports.rest.endpoints.results import classifications_document, regressions_document
from lightship.transports.rest.endpoints.version_header import version_header
from lightship.transports.rest.routes import Route
from lightship.transports.rest.writing.text_memory import answer_memory


def answer_classify(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Answers `:classify`. It checks the document, the model and the signature, in this order."""
    request.memory.grow(decoding_memory(request))
    parsed = ExampleRequest.parse(request.body, request.memory)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = yield from classify_steps(handle.servable, parsed.signature_name, parsed.examples, request.memory)
        request.memory.grow(_document_memory(result.classes, result.scores))
        return _response(route, handle.servable, classifications_document(result))


def answer_regress(manager: ServedModels, route: Route, request: Request) -> Steps[Response]:
    """Answers `:regress`. It makes the same checks in the same order as `answer_classify`."""
    request.memory.grow(decoding_memory(request))
    parsed = ExampleRequest.parse(request.body, request.memory)
    with manager.handle(route.model, route.version, route.label) as handle:
        result = yield from regress_steps(handle.servable, parsed.signature_name, parsed.examples, request.memory)
        request.memory.grow(_document_memory(result.values))
        return _response(route, handle.servable, regressions_document(result))


def classifies_images(manager: ServedModels, route: Route) -> bool:
    """Returns whether the examples of a model may hold encoded images, which this server decodes."""
    try:
        with manager.handle(route.model, route.version, route.label) as handle:
            return bool(handle.servable.bundle.image_signatures)
    except LightshipError:  # the call itself reports it, after the checks before
        return False


def _document_memory(*outputs: NDArray[Any] | None) -> int:
    return answer_memory({str(index): one for index, one in enumerate(outputs) if one is not None}, rows=True)


def _response(route: Route, servable: Servable, body: bytes) -> Response:
    version = servable.id.version
    headers = version_header(version)
    return Response(200, body, headers=headers, model=route.model, api=route.action, version=version)
