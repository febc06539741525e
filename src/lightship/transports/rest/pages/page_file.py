"""Pages for people: each is a single file that contains its styles and scripts, and is allowed nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from lightship.transports.http.messages import Headers, Response

HEADERS: Headers = ((b"Cache-Control", b"no-cache"), (b"X-Content-Type-Options", b"nosniff"))

_INSERTED = re.compile(r"<(style|script)>([\w.-]+)</\1>")
_OPTIONAL = re.compile(r"[ \t]*<!--if (\w+)-->(.*?)<!--end-->\n?", re.DOTALL)


@cache
def page_of(name: str, shown: frozenset[str] = frozenset(), root: str = "") -> Response:
    """Returns the page of the file `name`.

    shown: the names of its optional parts that it has, which stand between `<!--if NAME-->` and `<!--end-->`.
    root: the way from the page's address to that of the server, such as "../", which takes the place of `{root}`.

    Its security policy lets the browser run only its own scripts, and connect only to this server.
    """
    folder = files("lightship.transports.rest.pages")
    hashes: dict[str, list[str]] = {"style": [], "script": []}

    def insert(found: re.Match[str]) -> str:
        text = folder.joinpath(found[2]).read_text("utf-8")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[found[1]].append(f"'sha256-{digest}'")
        return f"<{found[1]}>{text}</{found[1]}>"

    html = folder.joinpath(name).read_text("utf-8").replace("{root}", root)
    html = _OPTIONAL.sub(lambda found: found[2] if found[1] in shown else "", html)
    page = _INSERTED.sub(insert, html)
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes['script'])}; style-src {' '.join(hashes['style'])}; "
        "connect-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers: Headers = (
        (b"Content-Security-Policy", policy.encode()),
        (b"Referrer-Policy", b"no-referrer"),
        *HEADERS,
    )
    return Response(200, page.encode(), b"text/html; charset=utf-8", headers)
