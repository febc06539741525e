"""Loads a version: files, engine, golden check, warm-up. What comes out may answer clients."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.base import DEFAULT_OPTIONS
from lightship.engines.comparison import BF16_TOLERANCE
from lightship.errors import DataLoss, LightshipError
from lightship.images.decode import MAX_PIXELS
from lightship.lifecycle.replay import Call, Replay, replay
from lightship.lifecycle.servable import Servable, ServableId
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, SERVE, TensorSpec
from lightship.tensors.dtypes import DataType

logger = logging.getLogger(__name__)

# Larger warm-up data is a guess about free dimensions gone wrong.
_MAX_WARM_UP_ELEMENTS = 1 << 26


def load_servable(
    id: ServableId,
    path: Path,
    options: EngineOptions = DEFAULT_OPTIONS,
    max_pixels: int = MAX_PIXELS,
    check_method_names: bool = False,
    warm_up_call: Call | None = None,
    warm_up_iterations: int = 1,
    tags: Collection[str] = SERVE,
    replay_calls: Replay = replay,
) -> Servable:
    """Loads a version folder into a servable that gave the golden answers and is warm; options as in `Servable`.

    warm_up_call: makes the calls of the version's warm-up file, each so many times; None leaves the file alone.
    replay_calls: `replay`, or a function around it.
    Raises NotFound or DataLoss for files that are missing, broken or changed after export, DataLoss where the engine
    does not give the trained model's answers, FailedPrecondition where no engine installed runs the model, and what
    `replay` raises.
    """
    start = time.perf_counter()
    bundle = open_bundle(path, id.name, id.version, tags=tags)
    engine = load_engine(path, bundle.saved_model, options)
    servable = Servable(id, bundle, engine, max_pixels, check_method_names)
    try:
        check_golden(bundle, engine, options)
        warm_up(bundle, engine)
        if warm_up_call is not None:
            replay_calls(servable, warm_up_call, warm_up_iterations)
    except BaseException:
        engine.close()
        raise
    seconds = time.perf_counter() - start
    fields = {"model": id.name, "version": id.version, "engine": engine.name, "seconds": round(seconds, 3)}
    logger.info("loaded %s with %s in %.2f s", id, engine.name, seconds, extra=fields)
    return servable


def check_golden(bundle: Bundle, engine: Engine, options: EngineOptions = DEFAULT_OPTIONS) -> None:
    """Raises DataLoss naming the figure where the engine's answers to the golden sample are not the trained model's."""
    golden = bundle.golden
    if golden is None:
        return
    if options.precision == "bf16":
        golden = replace(golden, rtol=max(golden.rtol, BF16_TOLERANCE), atol=max(golden.atol, BF16_TOLERANCE))
    difference = golden.compare(engine.run(DEFAULT_SIGNATURE, golden.inputs))
    if difference is not None:
        raise DataLoss(
            f"{bundle.path} does not give the trained model's answers: {difference}. Its weights were changed after "
            "export, or the engine computes it wrongly: export it again, or try --engine tensorflow"
        )


def warm_up(bundle: Bundle, engine: Engine) -> None:
    """Runs the default signature once for one row, on golden data or zeros; not one that changes variables.

    A failure is only logged: zeros are a guess, and one row of the golden sample need not be an input of its own.
    """
    signature = bundle.saved_model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or not signature.inputs or DEFAULT_SIGNATURE in bundle.saved_model.changes.writers:
        return
    if bundle.golden is not None and all(array.ndim for array in bundle.golden.inputs.values()):
        _try(engine, {name: array[:1] for name, array in bundle.golden.inputs.items()})
        return
    guessed = {name: _zeros(spec) for name, spec in signature.inputs.items()}
    known = {name: array for name, array in guessed.items() if array is not None}
    if len(known) == len(guessed):
        _try(engine, known)


def _try(engine: Engine, inputs: dict[str, NDArray[Any]]) -> None:
    try:
        engine.warm_up(DEFAULT_SIGNATURE, inputs)
    except LightshipError as error:
        logger.debug("no warm-up: %s", error.message)


def _zeros(spec: TensorSpec) -> NDArray[Any] | None:
    """Zeros of the declared shape with 1 for a free first dimension; None where more is free, or the type is text."""
    if spec.shape is None or -1 in spec.shape[1:] or spec.dtype in (DataType.DT_STRING, DataType.DT_INVALID):
        return None
    shape = tuple(abs(size) for size in spec.shape)
    if np.prod(shape, dtype=float) > _MAX_WARM_UP_ELEMENTS:
        return None
    return np.zeros(shape, spec.taken.numpy)
