"""The pages `/openapi.json` and `/docs`. TensorFlow Serving does not have them."""

from __future__ import annotations

import orjson

from lightship.lifecycle.served_models import ServedModels
from lightship.services.catalog import ServedModel, served_models
from lightship.transports.http.messages import Response
from lightship.transports.rest.openapi.document import openapi_document
from lightship.transports.rest.pages.page_file import HEADERS, page_of

PATHS = frozenset({"/docs", "/openapi.json"})


class DocPages:
    """Answers requests for these pages. Any thread may call its methods.

    `extensions`: say that images are taken in forms too and that answers are explained, and lead to the page `/ui`.
    """

    def __init__(self, manager: ServedModels, *, extensions: bool = True) -> None:
        self._manager, self._extensions = manager, extensions
        self._described: tuple[tuple[ServedModel, ...], bytes] | None = None

    def answer(self, path: str) -> Response:
        """Returns the page of one of `PATHS`."""
        if path == "/docs":
            return page_of("docs.html", frozenset({"ui"} if self._extensions else ()))
        return Response(200, self._openapi(), headers=HEADERS)

    def _openapi(self) -> bytes:
        """Returns the OpenAPI document. It is written again only if the served models have changed."""
        models = served_models(self._manager)
        described = self._described
        if described is None or described[0] != models:
            document = openapi_document(models, extensions=self._extensions)
            described = (models, orjson.dumps(document, option=orjson.OPT_INDENT_2))
            self._described = described
        return described[1]
