"""The version that answered: in a header, so that the body stays TensorFlow Serving's."""

from __future__ import annotations

from functools import lru_cache

from lightship.transports.http.messages import Headers


@lru_cache(256)
def version_header(version: int) -> Headers:
    return ((b"Lightship-Model-Version", b"%d" % version),)
