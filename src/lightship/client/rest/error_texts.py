"""Recognises refusals that differ only in their text.

The REST API has no error codes. Both TensorFlow Serving and Lightship refuse every request that they cannot answer with
status 400, and Lightship sends the header `Lightship-Model-Version` only with successful responses. If the very first
request is refused, only the text shows which server it is. All texts that the client looks for are in this module.
"""

from __future__ import annotations

from http import HTTPStatus

from lightship.client.rest.exchange import HttpResponse
from lightship.client.rest.responses import VERSION_HEADER, error_message

# TensorFlow Serving reads every body as JSON, and so did Lightship before it took tensors as bytes.
JSON_PARSE_ERROR = "JSON Parse error"
# TensorFlow Serving's `:predict` takes no query, such as the `?top=5` of an image.
MALFORMED_REQUEST = "Malformed request: POST"
# Lightship, for a model that was exported without labels or without an image spec. Older servers send the second text.
NO_IMAGES = ("cannot classify encoded images", "cannot answer encoded images")

# Lightship, for a version that has no signatures for explanations.
NO_EXPLANATIONS = "has no explanations"


def reads_json_only(response: HttpResponse) -> bool:
    """Whether the server tried to read tensors sent as bytes as JSON."""
    return _is_refusal(response) and error_message(response).startswith(JSON_PARSE_ERROR)


def takes_no_image_bodies(response: HttpResponse) -> bool:
    """Whether the server does not know requests whose body is an image, so it is not Lightship."""
    if VERSION_HEADER in response.headers:
        return False
    return _is_refusal(response) and error_message(response).startswith((MALFORMED_REQUEST, JSON_PARSE_ERROR))


def has_no_explain(response: HttpResponse) -> bool:
    """Whether the server does not know `:explain`: it is TensorFlow Serving, or an older Lightship."""
    return _is_refusal(response) and error_message(response).startswith(MALFORMED_REQUEST)


def has_no_explanations(response: HttpResponse) -> bool:
    """Whether the server is Lightship, and its version was not exported with explanations."""
    return _is_refusal(response) and NO_EXPLANATIONS in error_message(response)


def model_takes_no_images(response: HttpResponse) -> bool:
    """Whether the server is Lightship, and its model lacks what it needs to classify images."""
    return _is_refusal(response) and any(text in error_message(response) for text in NO_IMAGES)


def _is_refusal(response: HttpResponse) -> bool:
    return response.status == HTTPStatus.BAD_REQUEST
