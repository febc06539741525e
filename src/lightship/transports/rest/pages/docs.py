"""The pages `/openapi.json` and `/docs`. TensorFlow Serving does not have them."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

import orjson

from lightship.lifecycle.served_models import ServedModels
from lightship.services.catalog import ServedModel, served_models
from lightship.transports.http.messages import Headers, Response
from lightship.transports.rest.openapi.document import openapi_document

PATHS = frozenset({"/docs", "/openapi.json"})
_INSERTED = re.compile(r"<(style|script)>([\w.-]+)</\1>")
_HEADERS: Headers = ((b"Cache-Control", b"no-cache"), (b"X-Content-Type-Options", b"nosniff"))


class DocPages:
    """Answers requests for these pages. Any thread may call its methods.

    `extensions`: say that images are taken in forms too, and that answers are explained.
    """

    def __init__(self, manager: ServedModels, *, extensions: bool = True) -> None:
        self._manager, self._extensions = manager, extensions
        self._described: tuple[tuple[ServedModel, ...], bytes] | None = None

    def answer(self, path: str) -> Response:
        """Returns the page of one of `PATHS`."""
        return docs_page() if path == "/docs" else Response(200, self._openapi(), headers=_HEADERS)

    def _openapi(self) -> bytes:
        """Returns the OpenAPI document. It is written again only if the served models have changed."""
        models = served_models(self._manager)
        described = self._described
        if described is None or described[0] != models:
            described = (
                models,
                orjson.dumps(openapi_document(models, extensions=self._extensions), option=orjson.OPT_INDENT_2),
            )
            self._described = described
        return described[1]


@cache
def docs_page() -> Response:
    """Returns the page `/docs` as a single file that contains its styles and scripts.

    Its security policy lets the browser run only these scripts, and connect only to this server.
    """
    folder = files("lightship.transports.rest.pages")
    hashes: dict[str, list[str]] = {"style": [], "script": []}

    def insert(found: re.Match[str]) -> str:
        text = folder.joinpath(found[2]).read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[found[1]].append(f"'sha256-{digest}'")
        return f"<{found[1]}>{text}</{found[1]}>"

    page = _INSERTED.sub(insert, folder.joinpath("docs.html").read_text("utf-8"))
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; "
        "connect-src 'self'; img-src blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers: Headers = (
        (b"Content-Security-Policy", policy.encode()),
        (b"Referrer-Policy", b"no-referrer"),
        *_HEADERS,
    )
    return Response(200, page.encode(), b"text/html; charset=utf-8", headers)
