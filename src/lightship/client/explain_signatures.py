"""Explains a photo by the signatures `explain` and `explain_class`, which an export by Lightship writes into a model.

They are requested like any other signature, so TensorFlow Serving answers them too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.client.class_choice import ClassChoice, find_class
from lightship.client.explanations import Explanation
from lightship.client.flow import Flow
from lightship.client.photos import for_graph
from lightship.client.preprocessing import ClientPreprocessing
from lightship.client.results import ModelMetadata, Prediction, SignatureInfo
from lightship.errors import FailedPrecondition, InvalidArgument, Unknown
from lightship.images.fit import seen_region
from lightship.images.opening import open_image

EXPLAIN_SIGNATURE, EXPLAIN_CLASS_SIGNATURE = "explain", "explain_class"
# What the default method of a version is: the first of these for which it has a signature.
_METHODS = {
    "cam": "explain_cam",
    "grad-cam": "explain_grad_cam",
    "hirescam": "explain_hirescam",
    "grad-cam++": "explain_grad_cam_plus_plus",
}
_OUTPUTS = {"map", "class_index", "label", "score"}
_MAX_INDEX = 2**31 - 1

Predict = Callable[[Mapping[str, NDArray[Any]], str], Flow[Prediction]]


def explain_by_signature(
    photo: bytes,
    class_: ClassChoice,
    method: str | None,
    described: ModelMetadata,
    preprocessing: ClientPreprocessing,
    predict: Predict,
) -> Flow[Explanation]:
    """Explains a class of an encoded photo.

    predict: runs a signature on its inputs. Raises FailedPrecondition if the version has no such signatures or other
    labels than the client, and InvalidArgument for a method other than its default, and for a label if the client does
    not know the labels.
    """
    known = described.signatures.get(EXPLAIN_SIGNATURE if class_ is None else EXPLAIN_CLASS_SIGNATURE)
    if known is None or not set(known.outputs) >= _OUTPUTS:
        raise without_explanations(described)
    default = _default_method(described)
    if method is not None and method.lower() != default:
        raise InvalidArgument(
            f"method {method!r} cannot be chosen here, only {default or 'the default'}: the signatures of a model have "
            "one method. Use the REST address of a Lightship server, or method='rise'"
        )
    inputs = _inputs(known, for_graph(photo), class_, preprocessing.labels)
    answer = yield from predict(inputs, EXPLAIN_SIGNATURE if class_ is None else EXPLAIN_CLASS_SIGNATURE)
    region = None
    if preprocessing.image is not None:
        region = seen_region(*open_image(photo).size, preprocessing.spec_for(described))
    explanation = _explanation(answer, default, photo, region)
    _check_label(explanation, class_, preprocessing.labels)
    return explanation


def _check_label(explanation: Explanation, class_: ClassChoice, labels: Sequence[str] | None) -> None:
    """Raises FailedPrecondition if the client's labels are not those of the version that answered."""
    if labels is not None and class_ in labels and explanation.label not in ("", class_):
        raise FailedPrecondition(
            f"class {explanation.class_index} of version {explanation.version} of model {explanation.model} is "
            f"{explanation.label!r}, but {class_!r} in the labels of the client: give it the labels= or the bundle= of "
            "this version"
        )


def without_explanations(described: ModelMetadata) -> FailedPrecondition:
    return or_rise(
        f"version {described.version} of model {described.model} has no explanations: export the Keras model again "
        "with this version of Lightship"
    )


def or_rise(message: str) -> FailedPrecondition:
    """Returns the error of a version without explanations, with what works nevertheless."""
    return FailedPrecondition(f"{message}; or use method='rise', which needs only predictions")


def _default_method(described: ModelMetadata) -> str:
    """Returns the method of the signatures; an empty text if the version does not show it."""
    return next((method for method, name in _METHODS.items() if name in described.signatures), "")


def _inputs(
    known: SignatureInfo, photo: bytes, class_: ClassChoice, labels: Sequence[str] | None
) -> Mapping[str, NDArray[Any]]:
    names = [name for name, info in known.inputs.items() if info.dtype == "DT_STRING"]
    if len(names) != 1:
        raise Unknown(f"the signature {EXPLAIN_SIGNATURE} takes {', '.join(known.inputs) or 'nothing'}, not one photo")
    encoded = np.empty(1, object)
    encoded[0] = photo
    inputs: dict[str, NDArray[Any]] = {names[0]: encoded}
    return inputs if class_ is None else inputs | {"class_index": np.array([_index_of(class_, labels)], np.int32)}


def _index_of(class_: str | int, labels: Sequence[str] | None) -> int:
    if labels is not None:
        return find_class(class_, labels, len(labels))
    if isinstance(class_, str) and not class_.isdecimal():
        raise InvalidArgument(
            f"class_ is {class_!r}, but this server takes only an index: give the index, give the client labels=[...] "
            "or bundle=, or use the REST address of a Lightship server"
        )
    if int(class_) > _MAX_INDEX:
        raise InvalidArgument(f"class_ is {class_}; give an index of the model's classes")
    return int(class_)


def _explanation(
    answer: Prediction, method: str, photo: bytes, region: tuple[float, float, float, float] | None
) -> Explanation:
    outputs = answer.outputs
    if not set(outputs) >= _OUTPUTS or outputs["map"].ndim != 3 or len(outputs["map"]) != 1:
        raise Unknown(f"the signature {EXPLAIN_SIGNATURE} answered with {', '.join(outputs) or 'nothing'}, not one map")
    return Explanation(
        label=str(outputs["label"].reshape(-1)[0]),
        class_index=int(outputs["class_index"].reshape(-1)[0]),
        score=float(outputs["score"].reshape(-1)[0]),
        logit=None,
        map=outputs["map"][0].astype(np.float32),
        method=method,
        layer=None,
        model=answer.model,
        version=answer.version,
        region=region,
        photo=photo,
    )
