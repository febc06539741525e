"""Reads, analyses, guards and compiles a signature, and tries the compiled models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import CannotRun, EngineOptions, Refused
from lightship.engines.comparison import differences, random_inputs, tolerance, whole_numbers
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, ONE_ROW, Description
from lightship.engines.openvino.facts import type_name
from lightship.engines.openvino.guard_set import GuardSet
from lightship.engines.openvino.guarding import FLOATS, guard, refused_shapes
from lightship.engines.openvino.independence import rows_are_independent
from lightship.engines.openvino.lost_checks import unknown_channels
from lightship.engines.openvino.reading import input_ports, output_ports, read_signature
from lightship.engines.openvino.runtime import HINTS, core, explain, properties
from lightship.engines.openvino.shapes import Declared, Shapes, declared_shapes, reshaped, rows_are_free
from lightship.engines.timing import seconds_of, time_ratio
from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import Signature

Arrays = Mapping[str, NDArray[Any]]

_TRIALS = 5
_MAX_TRIALS = 200
_TRIAL_SECONDS = 0.02
_WORTH_IT = 0.95
# The second of two rows is multiplied by these factors, to test whether the first row's result changes.
_OTHER_ROWS = (-3.0, 25.0, -1000.0)
# If one row takes longer than this, a separate model for one row is not measurably faster.
_MAX_ONE_ROW_SECONDS = 0.015
# The operation that a quantised model has in addition to those of the model in f32, which are proven.
QUANTISATION = frozenset({"FakeQuantize"})


@dataclass(slots=True)
class Built:
    """A signature that was compiled in this process."""

    # What the server needs to know about the compiled models.
    description: Description
    # OpenVINO's compiled models, by the names that `Description` gives them.
    raw: dict[str, Any]
    # The same models, ready to run.
    models: dict[str, Compiled]
    # The model for the declared shapes, before guards were added and it was compiled.
    model: Any = None


def build_signature(folder: Path, signature: Signature, options: EngineOptions) -> Built:
    """Compiles a signature for its declared shapes.

    If rows are independent and a model for one row is faster, that model is compiled too. Raises CannotRun for
    operations that OpenVINO lacks or would compute differently from TensorFlow, and DataLoss for files that it cannot
    read.
    """
    model = read_signature(folder, signature, options.precision)
    # The model that was quantised has passed this before: its channels are those of the one in f32.
    reason = None if options.precision == "int8" else unknown_channels(model, folder, signature)
    if reason is not None:
        raise CannotRun(reason)
    inputs, outputs = input_ports(model, signature), output_ports(model, signature)
    declared = declared_shapes(model, inputs)
    free = rows_are_free(model, inputs, declared, refused_shapes)
    built = Built(Description(inputs, outputs, declared, {}, free), {}, {}, model)
    if None not in declared.shapes.values():
        _compile(built, DECLARED, model.clone(), options)
        _add_one_row(built, model, signature, options)
    return built


def try_joining(built: Built, signature: Signature, options: EngineOptions, golden: Arrays | None = None) -> None:
    """Finds out whether calls may be joined, and notes it in the description.

    `golden` holds the inputs of the golden sample.
    """
    description = built.description
    joinable = rows_are_independent(
        built.model, built.models, description, signature, tolerance(options.precision), golden
    )
    built.description = replace(description, joinable=joinable)


def build_models(
    folder: Path, signature: Signature, options: EngineOptions, names: Iterable[str], streams: int = 1
) -> Built:
    """Compiles the models of these names again, of a signature that was built and tried before.

    The models compute `streams` runs at once. Raises the same errors as `build_signature`.
    """
    model = read_signature(folder, signature, options.precision)
    inputs, outputs = input_ports(model, signature), output_ports(model, signature)
    declared = declared_shapes(model, inputs)
    built = Built(Description(inputs, outputs, declared, {}), {}, {}, model)
    for name in names:
        one_row = name == ONE_ROW
        copy = reshaped(model, inputs, declared.with_rows(1)) if one_row else model.clone()
        _compile(built, name, copy, options, streams)
    return built


def build_variant(folder: Path, signature: Signature, options: EngineOptions, shapes: Shapes, sample: Shapes) -> Built:
    """Compiles a signature for other shapes than the declared ones.

    The compiled model is run once on arrays of zeros with the shapes `sample`. Raises the same errors as
    `build_signature`.
    """
    model = read_signature(folder, signature, options.precision)
    inputs, outputs = input_ports(model, signature), output_ports(model, signature)
    built = Built(Description(inputs, outputs, Declared(dict(shapes)), {}), {}, {})
    try:
        _compile(built, DECLARED, reshaped(model, inputs, shapes), options)
    except RuntimeError as error:
        raise CannotRun(f"OpenVINO cannot reshape the graph: {explain(error)}") from error
    zeros = {name: np.zeros(sample[name], signature.inputs[name].dtype.numpy) for name in inputs}
    _run(built.models[DECLARED], zeros)
    return built


def _compile(built: Built, name: str, model: Any, options: EngineOptions, streams: int = 1) -> None:
    """Adds guards to a model, compiles it, and adds it to `built`. The model is modified."""
    description = built.description
    guards = _guards(model, description, options)
    try:
        compiled = core().compile_model(model, "CPU", properties(options, streams, size=_weights(model)))
    except RuntimeError as error:
        raise CannotRun(f"OpenVINO cannot compile the graph: {explain(error)}") from error
    _check_precision(compiled, options)
    built.description = replace(description, guards={**description.guards, name: guards})
    built.raw[name] = compiled
    built.models[name] = Compiled(compiled, description.inputs, description.outputs, guards)


def _weights(model: Any) -> int:
    """Returns the bytes of a model's constants."""
    constants = (node.output(0) for node in model.get_ops() if node.get_type_name() == "Constant")
    return sum(math.prod(one.get_shape()) * one.get_element_type().size for one in constants)


def _guards(model: Any, description: Description, options: EngineOptions) -> GuardSet:
    """Adds guards to a model. In int8, NaN and infinity would become ordinary numbers, so no input may hold them."""
    if options.precision != "int8":
        return guard(model, description.inputs, options.allow_unproven)
    guards = guard(model, description.inputs, options.allow_unproven | QUANTISATION)
    floats = (name for name, port in description.inputs.items() if type_name(model.inputs[port]) in FLOATS)
    return replace(guards, finite=tuple(floats))


def _check_precision(compiled: Any, options: EngineOptions) -> None:
    """Raises CannotRun if OpenVINO has chosen another precision than it was asked for, which it does silently."""
    wanted = HINTS.get(options.precision, "f32")
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if chosen != wanted:
        raise CannotRun(f"OpenVINO would compute it in {chosen} instead of {options.precision} on this processor")


def _add_one_row(built: Built, model: Any, signature: Signature, options: EngineOptions) -> None:
    """Compiles a model for one row if rows are independent and that model is faster.

    The model for one row holds a second copy of the weights.

    Measured: a MobileNetV2 takes 1.9 ms instead of 2.4 ms; a ResNet50V2 takes 16 ms with either model. Models for more
    rows gain little or nothing.
    """
    declared, apart = built.description.declared, tolerance(options.precision)
    if not built.description.rows_free or len(declared.batched) != len(declared.shapes) or not declared.shapes:
        return
    pair = random_inputs(signature, 2, np.random.default_rng(0))
    if pair is None:
        return
    model_as_declared = built.models[DECLARED]
    together = _run(model_as_declared, pair)
    if together is None:
        pair = whole_numbers(pair)
        together = _run(model_as_declared, pair)
    rows = [{name: array[row : row + 1] for name, array in pair.items()} for row in range(2)]
    alone = [_run(model_as_declared, row) for row in rows]
    if together is None or None in alone or not _independent(together, [one for one in alone if one], apart):
        return
    seconds = seconds_of(partial(model_as_declared.run, rows[0], ()))
    if not _first_row_stays(model_as_declared, pair, alone[0] or {}, apart, seconds):
        return
    if not _reflects(model) and not _refuses_no_rows(model, built.description):
        shapes = {name: array.shape for name, array in (alone[0] or {}).items()}
        built.description = replace(built.description, row_shapes=shapes)
    kept = built.description
    if options.one_row == "never" or (options.one_row == "auto" and seconds > _MAX_ONE_ROW_SECONDS):
        return
    try:
        _compile(built, ONE_ROW, reshaped(model, kept.inputs, declared.with_rows(1)), options)
    except (CannotRun, RuntimeError):
        return
    single = _run(built.models[ONE_ROW], rows[0])
    same = single is not None and differences(alone[0] or {}, single, *apart) is None
    kept_anyway = options.one_row == "always"
    if not same or not (kept_anyway or _faster(built.models[ONE_ROW], built.models[DECLARED], rows[0])):
        built.description = kept
        del built.raw[ONE_ROW], built.models[ONE_ROW]


def _first_row_stays(
    compiled: Compiled, pair: Arrays, alone: Arrays, apart: tuple[float, float], seconds: float
) -> bool:
    """Whether the first row has the same answer when the second one is quite different. One pair may agree by chance,
    where the output is a comparison.

    seconds: what one row takes. A model that takes long has many sums, and is tried with one other row.
    """
    for factor in _OTHER_ROWS if seconds <= _MAX_ONE_ROW_SECONDS else _OTHER_ROWS[:1]:
        others = {name: np.concatenate([array[:1], _other_row(array[1:], factor)]) for name, array in pair.items()}
        together = _run(compiled, others)
        if together is not None:
            first = {name: array[:1] for name, array in together.items()}
            if differences(alone, first, *apart) is not None:
                return False
    return True


def _other_row(row: NDArray[Any], factor: float) -> NDArray[Any]:
    if row.dtype.kind == "f":
        return (row * factor).astype(row.dtype)
    return np.zeros_like(row) if factor < 0 else np.ones_like(row)


def _refuses_no_rows(model: Any, description: Description) -> bool:
    """Returns whether the checks refuse the model for 0 rows, such as a model that selects the last row."""
    try:
        empty = reshaped(model, description.inputs, description.declared.with_rows(0))
    except RuntimeError:  # OpenVINO has no pooling of no rows, TensorFlow has
        return False
    return refused_shapes(empty, empty=True) is not None


def _reflects(model: Any) -> bool:
    """Returns whether the model pads by reflection, which TensorFlow refuses for an empty batch."""
    pads = (node.get_attributes()["pad_mode"] for node in model.get_ops() if node.get_type_name() == "Pad")
    return any(mode != "constant" for mode in pads)


def _run(compiled: Compiled, inputs: Arrays) -> dict[str, NDArray[Any]] | None:
    """Returns all outputs, or None if the model does not accept the inputs."""
    try:
        return compiled.run(inputs, compiled.outputs)
    except (CannotRun, Refused, InvalidArgument):
        return None


def _independent(together: Arrays, alone: list[dict[str, NDArray[Any]]], apart: tuple[float, float]) -> bool:
    """Returns whether two rows together give the same results as each row alone.

    Every output must have one row per input row.
    """
    if any(array.ndim == 0 or len(array) != 2 for array in together.values()):
        return False
    rows = [{name: array[row : row + 1] for name, array in together.items()} for row in range(2)]
    return all(differences(row, one, *apart) is None for row, one in zip(rows, alone, strict=True))


def _faster(one: Compiled, other: Compiled, inputs: Arrays) -> bool:
    """Returns whether `one` is faster than `other` by at least 5 %."""
    runs = (partial(compiled.run, inputs, ()) for compiled in (one, other))
    return time_ratio(*runs, least=_TRIALS, most=_MAX_TRIALS, seconds=_TRIAL_SECONDS) < _WORTH_IT
