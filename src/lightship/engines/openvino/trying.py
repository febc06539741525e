"""The work of a helper process for one signature: builds it, tries it, and writes the compiled models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import open_bundle
from lightship.bundle.golden import Golden
from lightship.engines.base import CannotRun, EngineOptions, Refused
from lightship.engines.comparison import differences, random_inputs, whole_numbers
from lightship.engines.openvino.building import Built, build_signature, build_variant, tolerance, try_joining
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, ONE_ROW
from lightship.engines.openvino.proven import refuse_unproven
from lightship.engines.tensorflow import TensorFlowModel
from lightship.errors import LightshipError
from lightship.priority import lower_session
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature

logger = logging.getLogger(__name__)

GOLDEN, COMPARED, TABLE_ONLY = "golden sample", "compared with TensorFlow", "table only"

# The numbers of rows of the inputs on which both engines are compared.
_COMPARED_ROWS = (1, 3)


def work_at_low_priority(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Does the same as `work`, and lowers the priority of this helper's session to that of its process, for good.

    A busy machine leaves it a quarter of a processor then. With a niceness of 10 it was a tenth, and versions took
    minutes to load beside other work.
    """
    _step_back()
    return work(request, out)


@cache
def _step_back() -> None:
    lower_session()


def work(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Builds a signature and writes each compiled model into the folder `out` under its name.

    Returns the description as a JSON object whose "written" says whether the models were written. If OpenVINO must not
    run the signature, returns the reason as "cannot_run" instead. Raises DataLoss and similar errors for files that
    cannot be read.
    """
    folder = Path(request["folder"])
    model = read_saved_model(folder, request["tags"])
    signature = model.signatures[request["signature"]]
    options = EngineOptions(
        threads=request["threads"],
        precision=request["precision"],
        allow_unproven=frozenset(request["allow_unproven"]),
    )
    try:
        if request["variant"] is not None:
            shapes, sample = ({k: tuple(v) for k, v in one.items()} for one in request["variant"])
            built = build_variant(folder, signature, options, shapes, sample)
        else:
            refuse_unproven(folder, signature, options.allow_unproven)
            built = build_signature(folder, signature, options)
            golden = _golden(folder, signature)
            proof = _prove(built, golden, folder, model, signature, options, compare=request["compare"])
            built.description = replace(built.description, proof=proof)
            try_joining(built, signature, options, None if golden is None else golden.inputs)
    except CannotRun as unable:
        return {"cannot_run": unable.reason, "operation": unable.operation}
    return {**built.description.as_json(), "written": _write(built, out)}


def _write(built: Built, out: Path) -> bool:
    """Writes the compiled models. Returns False if space runs out: a container's /dev/shm may have 64 MiB."""
    try:
        for name, compiled in built.raw.items():
            (out / name).write_bytes(compiled.export_model().getbuffer())
    except OSError as error:
        logger.warning("%s has no room for a compiled model: %s", out, error)
        for name in built.raw:
            with suppress(OSError):
                (out / name).unlink()
        return False
    return True


def _prove(
    built: Built,
    golden: Golden | None,
    folder: Path,
    model: SavedModel,
    signature: Signature,
    options: EngineOptions,
    *,
    compare: bool,
) -> str:
    """Checks the results and returns how they were checked. Raises CannotRun if they differ from TensorFlow's."""
    if golden is not None and DECLARED in built.models:
        # The server compares the results with the golden sample and reports the difference.
        built.models[DECLARED].run(golden.inputs, built.models[DECLARED].outputs)
        return GOLDEN
    if not compare or DECLARED not in built.models:
        return TABLE_ONLY
    return _compared(built, folder, model, signature, options)


def _golden(folder: Path, signature: Signature) -> Golden | None:
    if signature.name != DEFAULT_SIGNATURE:
        return None
    return open_bundle(folder, "", 0, verify=False, tags=signature.tags).golden


def _compared(built: Built, folder: Path, model: SavedModel, signature: Signature, options: EngineOptions) -> str:
    """Compares the results with TensorFlow's on the same random inputs."""
    rng = np.random.default_rng(1)
    guessed = [inputs for rows in _COMPARED_ROWS if (inputs := random_inputs(signature, rows, rng)) is not None]
    samples = [*guessed, *map(whole_numbers, guessed)]
    if not samples:
        return TABLE_ONLY
    reference = TensorFlowModel(folder, model, options)
    try:
        program, names = reference.program(signature), tuple(signature.outputs)
        compared = [_compare(built, program.run, inputs, names, tolerance(options)) for inputs in samples]
    finally:
        reference.close()
    return COMPARED if any(compared) else TABLE_ONLY


def _compare(
    built: Built, reference: Any, inputs: Mapping[str, NDArray[Any]], names: tuple[str, ...], apart: tuple[float, float]
) -> bool:
    """Compares the results for one input. Returns False if TensorFlow or a guard does not accept these random inputs.

    Raises CannotRun if the results differ.
    """
    rows = {len(array) for array in inputs.values() if array.ndim}
    single = ONE_ROW in built.models and rows == {1}
    try:
        expected = reference(inputs, names)
    except LightshipError:
        return False
    for compiled in [built.models[DECLARED], *([built.models[ONE_ROW]] if single else [])]:
        answer = _answer(compiled, inputs, names)
        if answer is None:
            return False
        different = differences(expected, answer, *apart)
        if different is not None:
            raise CannotRun(f"OpenVINO's answers differ from TensorFlow's: {different}")
    return True


def _answer(
    compiled: Compiled, inputs: Mapping[str, NDArray[Any]], names: tuple[str, ...]
) -> dict[str, NDArray[Any]] | None:
    """Returns the outputs, or None if a guard refuses these values, as it would for a client's request."""
    try:
        return compiled.run(inputs, names)
    except Refused:
        raise
    except CannotRun:
        return None
    except LightshipError as error:
        raise CannotRun(f"OpenVINO refuses what TensorFlow answers: {error.message}") from error
