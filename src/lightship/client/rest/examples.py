"""Requests with examples for `:classify` and `:regress`, and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lightship.client.address import CHECK_ADDRESS
from lightship.client.inputs import Example
from lightship.client.reading import reading
from lightship.client.rest import tensors
from lightship.client.rest.exchange import HttpRequest
from lightship.client.results import ScoredLabel
from lightship.errors import InvalidArgument, Unknown


def examples_request(
    path: str, examples: Sequence[Example], context: Example | None, signature: str | None
) -> HttpRequest:
    """path: ends in the method: `/v1/models/m:classify`. Raises InvalidArgument for values that no feature can hold."""
    if isinstance(examples, Mapping):
        raise InvalidArgument("examples is one mapping of features; give a list of them, [{...}]")
    fields: dict[str, Any] = {} if context is None else {"context": _features(context, "context")}
    fields["examples"] = [_features(example, f"example {index}") for index, example in enumerate(examples)]
    return HttpRequest("POST", path, tensors.document(fields, signature))


def classifications_in(document: Mapping[str, Any]) -> list[list[ScoredLabel]]:
    results = _results(document)
    with reading("the lists of labels and scores"):
        return [[ScoredLabel(label, float(score)) for label, score in row] for row in results]


def regressions_in(document: Mapping[str, Any]) -> NDArray[np.float32]:
    results = _results(document)
    if not all(isinstance(value, (int, float)) for value in results):
        raise Unknown(f"the results are not numbers, they begin with {results[:3]}, so {CHECK_ADDRESS}")
    with reading("the results"):
        return np.array(results, np.float32)


def _results(document: Mapping[str, Any]) -> list[Any]:
    results = document.get("results")
    if not isinstance(results, list):
        raise Unknown(f"the response has no results, only {', '.join(document) or 'nothing'}, so {CHECK_ADDRESS}")
    return results


def _features(example: Example, name: str) -> dict[str, Any]:
    if not isinstance(example, Mapping):
        raise InvalidArgument(f"{name} is a {type(example).__name__}; give a mapping of features, such as {{'x': 1.0}}")
    return {feature: _feature(value, f"{name}, feature {feature}") for feature, value in example.items()}


def _feature(value: ArrayLike | bytes, name: str) -> Any:
    """One value or a list. Floats are written with a point, `2.0`, because the server takes 2 for an integer."""
    form = tensors.plain(value, name)
    nested = form.ndim > 1 if isinstance(form, np.ndarray) else isinstance(form, list) and _has_list(form)
    if nested:
        raise InvalidArgument(f"{name}: has more than one dimension; a feature is one value or a flat list of them")
    return form


def _has_list(values: list[Any]) -> bool:
    return any(isinstance(value, list) for value in values)
