"""Finds out by trial whether the rows of a batch are independent, so that calls may be joined to one run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.comparison import FREE_SIZES, random_inputs
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, Description
from lightship.engines.openvino.guarding import refused_shapes
from lightship.engines.openvino.row_mixing import COMPARED_ROWS, mixing
from lightship.engines.openvino.shapes import reshaped
from lightship.engines.rows import ROWS, RowTrial, row_samples
from lightship.saved_model.signatures import Signature

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]


def rows_are_independent(
    model: Any,
    compiled: Mapping[str, Compiled],
    description: Description,
    signature: Signature,
    apart: tuple[float, float],
    golden: Arrays | None = None,
) -> bool:
    """Returns whether rows that are run together give what each gives alone.

    `model` is the uncompiled model, whose operations are looked at first: an operation that works along the rows
    refuses the model. Then different rows are run together and alone, with inputs of several kinds, and with the rows
    of the golden sample `golden`. `apart` are the allowed differences, relative and absolute. If no inputs can be found
    that the model accepts, its rows count as dependent.
    """
    declared = description.declared
    if DECLARED not in compiled or not declared.shapes or len(declared.batched) != len(declared.shapes):
        return False
    return any(
        _independent_of_size(model, compiled[DECLARED], description, signature, apart, golden, free)
        for free in (FREE_SIZES[:1] if declared.rows_at_most else FREE_SIZES)
    )


def _independent_of_size(
    model: Any,
    compiled: Compiled,
    description: Description,
    signature: Signature,
    apart: tuple[float, float],
    golden: Arrays | None,
    free: int,
) -> bool:
    """`free` is the size of free dimensions other than the first one."""
    guess = random_inputs(signature, ROWS, np.random.default_rng(2), free)
    if guess is None:
        return False
    try:
        few, many = (_of_rows(model, description, guess, rows) for rows in COMPARED_ROWS)
    except RuntimeError:
        return False
    if refused_shapes(few) or refused_shapes(many):
        return False
    found = mixing(few, many)
    if found.reason is not None:
        logger.info('calls of signature "%s" are not joined: %s', signature.name, found.reason)
        return False
    trial = RowTrial(lambda inputs: compiled.run(inputs, compiled.outputs), compiled.outputs, apart)
    return trial.passes(row_samples(signature, guess, golden, free), proven=found.proven)


def _of_rows(model: Any, description: Description, sample: Arrays, rows: int) -> Any:
    return reshaped(model, description.inputs, {name: (rows, *array.shape[1:]) for name, array in sample.items()})
