"""Explains a photo with a model in this process, by the server's own code or by many predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.client.class_choice import ClassChoice, check_class
from lightship.client.explain_signatures import or_rise
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow, complete
from lightship.client.masked_images import masked_images, own_input
from lightship.client.photos import Photo, encoded
from lightship.client.preprocessing import ClientPreprocessing
from lightship.client.results import ModelMetadata
from lightship.client.rise import Rise, explain_by_rise, rise_of
from lightship.errors import FailedPrecondition
from lightship.images.fit import WHOLE
from lightship.lifecycle.servable import Servable
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.services.explain import class_of, explain_arrays, explain_images, explain_spec_of, regions_of

# Runs a signature on its only input, and returns its outputs.
Predict = Callable[[str, NDArray[Any]], Mapping[str, NDArray[Any]]]


def explain(
    servable: Servable,
    described: ModelMetadata,
    photo: Photo,
    class_: ClassChoice,
    method: str | Rise | None,
    predict: Predict,
) -> Explanation:
    """See `LocalModel.explain_image`."""
    check_class(class_)
    rise = rise_of(method)
    if rise is not None:
        return _by_rise(servable, described, photo, class_, rise, predict)
    name = method if isinstance(method, str) else None
    _check_explains(servable)
    classes = None if class_ is None else [class_of(servable, class_)]
    if servable.bundle.image is None and isinstance(photo, np.ndarray):
        data, region, array = None, None, own_input(photo, described)
        found = explain_arrays(servable, _typed(servable, array), classes, name)
    else:
        data = encoded(photo)
        found = explain_images(servable, [data], classes, name)
        (region,) = regions_of(servable, [data]) or (WHOLE,)
    return Explanation(
        label=found.labels[0] or "",
        class_index=int(found.class_index[0]),
        score=float(found.scores[0]),
        logit=float(found.logits[0]),
        map=found.maps[0],
        method=found.method,
        layer=found.layer,
        model=described.model,
        version=described.version,
        region=region,
        photo=data,
    )


def _check_explains(servable: Servable) -> None:
    try:
        explain_spec_of(servable)
    except FailedPrecondition as error:
        raise or_rise(error.message) from error


def _by_rise(
    servable: Servable, described: ModelMetadata, photo: Photo, class_: ClassChoice, rise: Rise, predict: Predict
) -> Explanation:
    bundle = servable.bundle
    images = masked_images(photo, described, ClientPreprocessing(bundle.image, bundle.labels))

    def ask(signature: str, inputs: NDArray[Any]) -> Flow[Mapping[str, NDArray[Any]]]:
        yield from ()
        return predict(signature, inputs)

    return complete(explain_by_rise(images, ask, class_, rise, described.model, described.version))


def _typed(servable: Servable, array: NDArray[np.float32]) -> NDArray[Any]:
    """Returns one row of the array in the dtype of the model's input."""
    signature = servable.signature(DEFAULT_SIGNATURE)
    assert signature is not None  # `own_input` checked it
    (spec,) = signature.inputs.values()
    return array[np.newaxis].astype(spec.dtype.numpy)
