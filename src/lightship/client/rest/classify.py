"""Requests that classify an image: the image itself, encoded bytes for the graph to decode, or preprocessed floats."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from lightship.client import photos
from lightship.client.address import CHECK_ADDRESS
from lightship.client.preprocessing import (
    DEFAULT_SIGNATURE,
    ENCODED_IMAGE_SIGNATURE,
    ClientPreprocessing,
    decodes_in_the_graph,
)
from lightship.client.reading import reading
from lightship.client.rest import binary, tensors
from lightship.client.rest.exchange import HttpRequest
from lightship.client.results import Classification, ModelMetadata
from lightship.errors import InvalidArgument, Unknown


def image_request(path: str, image: bytes, top: int) -> HttpRequest:
    """An extension of Lightship: the body is the image."""
    return HttpRequest("POST", f"{path}?top={top}", image, photos.image_type(image))


def tensor_request(
    path: str, image: bytes, metadata: ModelMetadata, preprocessing: ClientPreprocessing, *, as_bytes: bool
) -> HttpRequest:
    """For servers and models that do not take image bodies.

    Sends the encoded image to a signature that decodes it in the graph, if the model has one, or else the preprocessed
    floats.

    as_bytes: whether to send floats as a numpy file.
    """
    if decodes_in_the_graph(metadata):
        instances: Any = [tensors.encoded_bytes(photos.for_graph(image))]
        return HttpRequest("POST", path, tensors.encode_rows(instances, ENCODED_IMAGE_SIGNATURE))
    instances = preprocessing.preprocess(image, metadata)
    if as_bytes:
        with contextlib.suppress(InvalidArgument):  # the model's input is not float
            return binary.binary_request(path, instances, DEFAULT_SIGNATURE, metadata)
    return HttpRequest("POST", path, tensors.encode_rows(instances, None))


def read_image_response(document: Mapping[str, Any], model: str, version: int | None) -> Classification:
    """Reads `{"predictions": [{"labels": [...], "scores": [...]}]}`, the best first."""
    first = _first_prediction(document)
    if not isinstance(first, dict) or not {"labels", "scores"} <= set(first):
        raise Unknown(f"model {model} answered an image without labels and scores: use predict() for its tensors")
    with reading("the labels and scores"):
        labels, scores = tuple(first["labels"]), tuple(map(float, first["scores"]))
        if len(labels) != len(scores):
            raise ValueError(f"{len(labels)} labels and {len(scores)} scores")
        return Classification(labels, scores, model, version)


def read_tensor_response(
    document: Mapping[str, Any], model: str, version: int | None, top: int, preprocessing: ClientPreprocessing
) -> Classification:
    """Reads the response to a `tensor_request`. Of equal scores the lower index is first."""
    first = _first_prediction(document)
    if isinstance(first, dict):
        whole = read_image_response(document, model, version)
        return Classification(whole.labels[:top], whole.scores[:top], model, version)
    with reading("the scores"):
        return preprocessing.classification(np.asarray(first), top, model, version)


def _first_prediction(document: Mapping[str, Any]) -> Any:
    predictions = document.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        raise Unknown(f"the response has no predictions, only {', '.join(document) or 'nothing'}, so {CHECK_ADDRESS}")
    return predictions[0]
