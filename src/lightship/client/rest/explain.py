"""Requests to `:explain`, which only Lightship has, and their responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import numpy as np

from lightship.client import photos
from lightship.client.class_choice import ClassChoice
from lightship.client.explain_signatures import or_rise
from lightship.client.explanations import Explanation
from lightship.client.masked_images import own_input
from lightship.client.photos import Photo
from lightship.client.preprocessing import DEFAULT_SIGNATURE, ClientPreprocessing, without_spec
from lightship.client.reading import reading
from lightship.client.rest import binary, error_texts, tensors
from lightship.client.rest.exchange import HttpRequest, HttpResponse
from lightship.client.rest.responses import error_message
from lightship.client.results import ModelMetadata
from lightship.errors import Unimplemented
from lightship.images.fit import WHOLE, Region, seen_region
from lightship.images.opening import open_image


def photo_request(path: str, photo: bytes, class_: ClassChoice, method: str | None) -> HttpRequest:
    """The body is the image file. For an index it is JSON, in which a number is never taken for a label."""
    if not isinstance(class_, int):
        return HttpRequest("POST", path + _query(class_, method), photo, photos.image_type(photo))
    fields = {"instances": [tensors.encoded_bytes(photo)], "class": class_}
    return HttpRequest("POST", path, tensors.document(fields | ({"method": method} if method else {}), None))


def tensor_request(
    path: str,
    photo: Photo,
    class_: ClassChoice,
    method: str | None,
    described: ModelMetadata,
    preprocessing: ClientPreprocessing,
) -> tuple[HttpRequest, Region | None]:
    """For models that take no photos: the body is the model's own input.

    It is the preprocessed photo, or the caller's array if the client has no image spec. Also returns what part of the
    photo the input covers, if it is known. Raises FailedPrecondition for a photo without an image spec.
    """
    region: Region | None = None
    if preprocessing.image is not None:
        data = photos.encoded(photo)
        region = seen_region(*open_image(data).size, preprocessing.spec_for(described))
        rows = preprocessing.preprocess(data, described)
    elif isinstance(photo, np.ndarray):
        rows = own_input(photo, described)[np.newaxis]
    else:
        raise without_spec(described)
    request = binary.binary_request(path + _query(class_, method), rows, DEFAULT_SIGNATURE, described)
    return HttpRequest("POST", request.path, request.body, request.content_type), region


def check_response(response: HttpResponse, url: str) -> None:
    """Raises what a refusal stands for if it says that the server or the version cannot explain."""
    if error_texts.has_no_explain(response):
        raise Unimplemented(
            f"{url} has no :explain: it is TensorFlow Serving or an older Lightship. Upgrade it, or use method='rise', "
            "which needs only predictions"
        )
    if error_texts.has_no_explanations(response):
        raise or_rise(error_message(response))


def read_explanation(
    document: Mapping[str, Any], model: str, version: int | None, photo: bytes | None, region: Region | None = None
) -> Explanation:
    """Reads the response for one image. region: what a map covers if the server does not say it."""
    with reading("the explanation"):
        (one,) = document["explanations"]
        numbers = np.asarray(one["map"], np.float32)
        if numbers.ndim != 2:
            raise ValueError(f"the map has the shape {numbers.shape}")
        return Explanation(
            label=str(one.get("label") or ""),
            class_index=int(one["class_index"]),
            score=float(one["score"]),
            logit=float(one["logit"]) if one.get("logit") is not None else None,
            map=numbers,
            method=str(document.get("method") or ""),
            layer=document.get("layer"),
            model=model,
            version=version,
            region=_region(one.get("region")) or region or (WHOLE if photo is not None else None),
            photo=photo,
        )


def _query(class_: ClassChoice, method: str | None) -> str:
    given = {"method": method, "class": class_}
    text = urlencode({name: value for name, value in given.items() if value is not None})
    return f"?{text}" if text else ""


def _region(value: Any) -> Region | None:
    if value is None:
        return None
    left, top, right, bottom = map(float, value)
    return left, top, right, bottom
