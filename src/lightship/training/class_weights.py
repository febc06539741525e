"""How much each class counts in the loss: the argument `class_weights` of `TransferModel.train`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from lightship.errors import InvalidArgument
from lightship.images.preprocessing import nearest_name

ClassWeights = Mapping[Any, float] | Iterable[float]


def weights_by_index(class_weights: ClassWeights, labels: Sequence[str] | None, count: int) -> dict[int, float]:
    """Returns the weight of each class by its index, as Keras takes them.

    class_weights: a mapping of indices or labels to weights, in which a class that is left out has the weight 1; or a
    weight for each class. labels: the classes; None if they have no names. count: how many classes there are.

    Raises InvalidArgument for an unknown class, for a weight that is not a number of at least 0, and for another
    number of weights than of classes.
    """
    if isinstance(class_weights, (str, bytes)) or not isinstance(class_weights, (Mapping, Iterable)):
        raise InvalidArgument(
            f"class_weights is {class_weights!r}; give a mapping such as {{'cat': 2.0}}, or a weight for each class"
        )
    if isinstance(class_weights, Mapping):
        given = {_index(key, labels, count): weight for key, weight in class_weights.items()}
        if len(given) < len(class_weights):
            raise InvalidArgument("class_weights has a class twice, by its index and by its label: give it once")
    else:
        given = dict(enumerate(class_weights))
        if len(given) != count:
            raise InvalidArgument(f"class_weights has {len(given)} weights for {count} classes: give one for each")
    return {index: _weight(given.get(index, 1.0), index, labels) for index in range(count)}


def _index(key: object, labels: Sequence[str] | None, count: int) -> int:
    if isinstance(key, str):
        if labels is None:
            raise InvalidArgument(f"class_weights has {key!r}, but the classes have no names: give indices")
        if key not in labels:
            raise InvalidArgument(f"class_weights has {key!r}, which is not a class: {nearest_name(key, labels)}")
        return labels.index(key)
    if isinstance(key, bool) or not hasattr(key, "__index__") or not 0 <= key.__index__() < count:
        raise InvalidArgument(f"class_weights has {key!r}; give the name of a class, or its index, 0 to {count - 1}")
    return int(key.__index__())


def _weight(weight: Any, index: int, labels: Sequence[str] | None) -> float:
    name = repr(labels[index]) if labels is not None else str(index)
    try:
        number = float(weight)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"the weight of the class {name} is {weight!r}; give a number") from error
    if not isfinite(number) or number < 0:
        raise InvalidArgument(f"the weight of the class {name} is {number}; give a number of at least 0")
    return number
