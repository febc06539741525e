"""The response header with the version that answered. The body stays the same as TensorFlow Serving's."""

from __future__ import annotations

from functools import lru_cache

from lightship.transports.http.messages import Headers


@lru_cache(256)
def version_header(version: int) -> Headers:
    return ((b"Lightship-Model-Version", b"%d" % version),)
