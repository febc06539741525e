"""A photo to labels, in the way that the server offers: the image as it is, the graph's own decoding, or floats."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from lightship.client import photos
from lightship.client.photos import Photo
from lightship.client.recipe import DEFAULT_SIGNATURE, IMAGE_SIGNATURE, Recipe, decodes_in_the_graph
from lightship.client.rest import binary, tensors
from lightship.client.rest.exchange import Call
from lightship.client.results import Classification, ModelMetadata
from lightship.errors import InvalidArgument, Unknown


def photo_bytes(photo: Photo) -> bytes:
    return photos.encoded(photo)


def image_call(path: str, image: bytes, top: int) -> Call:
    """Lightship's own: the image is the body."""
    return Call("POST", f"{path}?top={top}", image, photos.image_type(image))


def tensor_call(path: str, image: bytes, metadata: ModelMetadata, recipe: Recipe, *, as_bytes: bool) -> Call:
    """For other servers: the signature that decodes in the graph, or else the classic list of floats; for Lightship
    (`as_bytes`) these floats as they are in memory."""
    if decodes_in_the_graph(metadata):
        instances: Any = [tensors.encoded_bytes(photos.as_jpeg_or_png(image))]
        return Call("POST", path, tensors.encode_rows(instances, IMAGE_SIGNATURE))
    instances = recipe.instance(image, metadata)
    if as_bytes:
        with contextlib.suppress(InvalidArgument):  # the input is no float
            return binary.binary_call(path, instances, DEFAULT_SIGNATURE, metadata)
    return Call("POST", path, tensors.encode_rows(instances, None))


def read_image_answer(document: Mapping[str, Any], model: str, version: int | None) -> Classification:
    """From `{"predictions": [{"labels": [...], "scores": [...]}]}`, the best first."""
    first = _first_prediction(document)
    if not isinstance(first, dict) or not {"labels", "scores"} <= set(first):
        raise Unknown(f"model {model} answered an image without labels and scores: use predict() for its tensors")
    return Classification(tuple(first["labels"]), tuple(map(float, first["scores"])), model, version)


def read_tensor_answer(
    document: Mapping[str, Any], model: str, version: int | None, top: int, recipe: Recipe
) -> Classification:
    """From either kind of `tensor_call`. Equal scores: the lower index first."""
    first = _first_prediction(document)
    if isinstance(first, dict):
        whole = read_image_answer(document, model, version)
        return Classification(whole.labels[:top], whole.scores[:top], model, version)
    return recipe.ranked(np.asarray(first), top, model, version)


def _first_prediction(document: Mapping[str, Any]) -> Any:
    predictions = document.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        raise Unknown(f"the answer has no predictions, but {', '.join(document) or 'nothing'}; is it a model server?")
    return predictions[0]
