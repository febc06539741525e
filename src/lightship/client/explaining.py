"""Explains photos by what every server has: predictions, and the signatures that an export wrote into the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightship.client.class_choice import ClassChoice
from lightship.client.explain_signatures import explain_by_signature
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow
from lightship.client.masked_images import masked_images
from lightship.client.photos import Photo, encoded
from lightship.client.preprocessing import ClientPreprocessing, decodes_in_the_graph
from lightship.client.results import ModelMetadata, Prediction
from lightship.client.rise import Rise, explain_by_rise
from lightship.client.target import Target
from lightship.errors import InvalidArgument, NotFound

if TYPE_CHECKING:
    from lightship.client.calls import Calls

_VERSIONS = 3  # that are tried, if each is unloaded before it has answered


def by_rise(
    calls: Calls, preprocessing: ClientPreprocessing, target: Target, photo: Photo, class_: ClassChoice, rise: Rise
) -> Flow[Explanation]:
    """Asks one version for all predictions: the one that the target means now."""

    def explain(described: ModelMetadata, version: Target) -> Flow[Explanation]:
        images = masked_images(photo, described, preprocessing)

        def ask(signature: str, inputs: NDArray[Any]) -> Flow[Mapping[str, NDArray[Any]]]:
            answer = yield from calls.predict(version, inputs, signature, "auto", patient=True)
            return answer.outputs

        return (yield from explain_by_rise(images, ask, class_, rise, target.model, described.version))

    return (yield from _by_one_version(calls, target, explain))


def by_signature(
    calls: Calls,
    preprocessing: ClientPreprocessing,
    target: Target,
    photo: bytes,
    class_: ClassChoice,
    method: str | None,
    *,
    patient: bool,
) -> Flow[Explanation]:
    """See `explain_by_signature`. patient: see `Deadline`."""

    def explain(described: ModelMetadata, version: Target) -> Flow[Explanation]:
        def predict(inputs: Mapping[str, NDArray[Any]], signature: str) -> Flow[Prediction]:
            return calls.predict(version, inputs, signature, "json", patient=patient)

        return explain_by_signature(photo, class_, method, described, preprocessing, predict)

    return (yield from _by_one_version(calls, target, explain))


def _by_one_version(
    calls: Calls, target: Target, explain: Callable[[ModelMetadata, Target], Flow[Explanation]]
) -> Flow[Explanation]:
    """Explains by the version that the target means now, or from the start by a newer one that replaces it meanwhile.

    explain: takes the metadata of the version, and the target with its number.
    """
    for attempts_left in reversed(range(_VERSIONS)):
        described = yield from calls.metadata(target)
        try:
            return (yield from explain(described, target.at_version(described.version)))
        except NotFound:
            if target.version is not None or not attempts_left:
                raise
    raise AssertionError("the last attempt neither returns nor raises")


def encoded_or_array(photo: Photo) -> bytes | InvalidArgument:
    """Returns the encoded photo; for an array that is none the error, because a model may take it as its own input."""
    try:
        return encoded(photo)
    except InvalidArgument as error:
        if isinstance(photo, np.ndarray):
            return error
        raise


def takes_photos(described: ModelMetadata, preprocessing: ClientPreprocessing) -> bool:
    """Whether the model takes photos, by itself or with the client's preprocessing."""
    return preprocessing.image is not None or decodes_in_the_graph(described)
