"""The work of a helper process for one signature: builds it, tries it, and writes the compiled models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightship.bundle.golden import Golden
from lightship.engines.against_golden import golden_of, try_golden
from lightship.engines.against_tensorflow import COMPARED, GOLDEN, TABLE_ONLY, Reference, Run, compared_with_tensorflow
from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.cache import pieces
from lightship.engines.comparison import tolerance
from lightship.engines.openvino.building import Built, build_signature, build_variant, try_joining
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, ONE_ROW
from lightship.engines.openvino.proven import refuse_unproven
from lightship.engines.openvino.runtime import core
from lightship.processors import available_cpus, schedulable_cpus
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import Signature

logger = logging.getLogger(__name__)

_REFERENCE = Reference(in_helper=True)  # for all signatures that this helper process tries


def prepare() -> None:
    """Counts the processors, before this process is kept off one of them: how models are compiled depends on them."""
    schedulable_cpus()
    available_cpus()
    with suppress(CannotRun):  # without OpenVINO
        core().get_property("CPU", "INFERENCE_NUM_THREADS")


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
        one_row=request["one_row"],
    )
    try:
        if request["variant"] is not None:
            shapes, sample = ({k: tuple(v) for k, v in one.items()} for one in request["variant"])
            built = build_variant(folder, signature, options, shapes, sample)
        else:
            refuse_unproven(folder, signature, options.allow_unproven)
            built = build_signature(folder, signature, options)
            golden = golden_of(folder, model, signature)
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
            with (out / name).open("wb") as file:
                for piece in pieces(compiled.export_model().getbuffer()):
                    file.write(piece)
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
    if DECLARED not in built.models:
        return TABLE_ONLY
    runs, apart = partial(_runs, built), tolerance(options.precision)
    if golden is not None:
        try_golden("OpenVINO", signature, runs, golden, apart)
        return GOLDEN
    if not compare:
        return TABLE_ONLY
    compared = compared_with_tensorflow("OpenVINO", runs, folder, model, signature, options, apart, _REFERENCE)
    return COMPARED if compared else TABLE_ONLY


def _runs(built: Built, inputs: Mapping[str, NDArray[Any]]) -> list[Run]:
    """Returns what would answer these inputs: for one row, the model for one row too."""
    single = ONE_ROW in built.models and {len(array) for array in inputs.values() if array.ndim} == {1}
    models = [built.models[DECLARED], *([built.models[ONE_ROW]] if single else [])]
    return [partial(_all_outputs, compiled) for compiled in models]


def _all_outputs(compiled: Compiled, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return compiled.run(inputs, compiled.outputs)
