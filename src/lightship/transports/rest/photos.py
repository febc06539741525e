"""Recognises a body that is an encoded image by its first bytes, whatever Content-Type the client sent."""

from __future__ import annotations

from lightship.images.formats import FIRST_BYTES, image_format
from lightship.transports.http.messages import Request
from lightship.transports.rest.endpoints.binary_prediction import is_binary

# The sizes of the second header of a BMP file. The two letters before the first are too little to go by.
_BMP_HEADERS = frozenset(size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124))


def recognised(request: Request) -> Request:
    """Returns the request with the content type of an image if its body begins like one, else the request itself.

    JSON begins with none of these bytes. A body that the headers describe as binary tensors is left alone, because
    numbers may begin with any.
    """
    body = request.body
    if body[:1] not in FIRST_BYTES or request.is_image or is_binary(request):
        return request
    name = image_format(body)
    if name is None or (name == "BMP" and body[14:18] not in _BMP_HEADERS):
        return request
    return request._replace(headers=(*request.headers, (b"content-type", b"image/" + name.lower().encode())))
