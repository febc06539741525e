"""To which kind of work a REST request belongs."""

from __future__ import annotations

from lightship.errors import InvalidArgument
from lightship.lifecycle.served_models import ServedModels
from lightship.transports.http.kinds import EXPLANATIONS, IMAGES, LARGE, MAX_SMALL_BYTES, SMALL
from lightship.transports.http.lanes import Origin
from lightship.transports.http.messages import Request
from lightship.transports.rest.routes import explains, post_route


def origin_of(request: Request, size: int, manager: ServedModels) -> Origin:
    """Returns where a request belongs, by its head alone. `size` is the length of its body."""
    return Origin(_kind_of(request, size), _model_of(request, manager), request.client)


def _kind_of(request: Request, size: int) -> str:
    if explains(request.path):
        return EXPLANATIONS
    if request.is_image or request.is_form:
        return IMAGES
    return LARGE if size > MAX_SMALL_BYTES or request.header(b"content-encoding") else SMALL


def _model_of(request: Request, manager: ServedModels) -> str:
    """Returns the model that a request asks, or "" if it is not served or the request asks none."""
    if request.method != "POST":
        return ""
    try:
        takes_query = request.is_image or request.is_form or explains(request.path)
        model = post_route(request.path if takes_query else request.target).model
    except InvalidArgument:
        return ""
    return model if manager.serves(model) else ""
