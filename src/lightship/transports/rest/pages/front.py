"""`GET /`, which leads to the page `/docs`. The place is relative, so that it holds behind a proxy's prefix too."""

from __future__ import annotations

from lightship.transports.http.messages import PLAIN, Response

_TEXT = b"Lightship: see ./docs and ./ui in a browser, ./openapi.json and ./v1/models\n"


def front_page() -> Response:
    return Response(302, _TEXT, PLAIN, ((b"Location", b"./docs"), (b"Cache-Control", b"no-cache")))
