"""The variables of a model and its optimizer as arrays, in which a training is kept between two epochs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.errors import DataLoss

Arrays = Mapping[str, NDArray[Any]]

_MODEL, _OPTIMIZER = "model", "optimizer"


def arrays_of(model: Any) -> dict[str, NDArray[Any]]:
    """Returns all variables of a compiled `keras.Model`: weights, the states of random layers, and the optimizer's."""
    return dict(_named(_MODEL, model.variables)) | dict(_named(_OPTIMIZER, model.optimizer.variables))


def set_model(model: Any, arrays: Arrays) -> None:
    """Gives the variables of the model the values that `arrays_of` returned. Raises DataLoss if they do not fit."""
    _assign(_MODEL, model.variables, arrays)


def set_all(model: Any, arrays: Arrays) -> None:
    """Gives the variables of the model and of its optimizer, which is built, the values that `arrays_of` returned.

    Raises DataLoss if they do not fit.
    """
    set_model(model, arrays)
    _assign(_OPTIMIZER, model.optimizer.variables, arrays)


def size_of(model: Any) -> int:
    """Returns the bytes of the variables of a model, without those of its optimizer."""
    return sum(int(np.prod(variable.shape)) * np.dtype(variable.dtype).itemsize for variable in model.variables)


def _named(kind: str, variables: Iterable[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yields the arrays with their places as names, because the paths of several variables may be equal."""
    for index, variable in enumerate(variables):
        yield f"{kind}/{index}", np.asarray(variable)


def _assign(kind: str, variables: Iterable[Any], arrays: Arrays) -> None:
    for index, variable in enumerate(variables):
        array = arrays.get(f"{kind}/{index}")
        if array is None or array.shape != tuple(variable.shape):
            raise DataLoss(f"the kept state has no {variable.path} of shape {tuple(variable.shape)}")
        if array.dtype.kind == "V":  # numpy does not write the names of bfloat16 and the like
            array = array.view(np.dtype(variable.dtype))
        variable.assign(array)
