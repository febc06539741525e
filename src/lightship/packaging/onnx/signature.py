"""Converts one signature of a SavedModel to ONNX, and checks the answers of the file. Imports TensorFlow."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import onnx

from lightship.bundle.bundle import open_bundle
from lightship.bundle.golden import Golden
from lightship.engines.against_tensorflow import Reference, compared_with_tensorflow
from lightship.engines.base import EngineOptions
from lightship.engines.comparison import tolerance
from lightship.engines.onnxruntime.backend import open_on_cpu
from lightship.engines.onnxruntime.files import Notes, file_name, saved_model_digest
from lightship.engines.tensorflow import import_tensorflow
from lightship.packaging.onnx.half import TOLERANCE, write_half
from lightship.packaging.onnx.hazards import add_guards
from lightship.packaging.onnx.not_convertible import NotConvertible
from lightship.packaging.onnx.xla import without_xla
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec

# The newest version of ONNX's operations that both tf2onnx writes and onnxruntime's GPU provider runs.
_OPSET = 18
# protobuf reads no larger message.
_MAX_BYTES = (1 << 31) - 1
# tf2onnx catches errors of its optimisations unless this variable is "FALSE".
_CATCH_ERRORS = "TF2ONNX_CATCH_ERRORS"
_PROBABLE = "the answers of the ONNX file are wrong, so it was not kept"


def convert_signature(folder: Path, target: Path, name: str, precision: str) -> None:
    """Writes the ONNX file of a signature into the folder `target`, if its answers are right.

    The f32 file must be there before one of another precision is made.

    Raises NotConvertible if the signature cannot be converted, or if the answers differ from the golden sample or from
    TensorFlow's, LightshipError if the SavedModel cannot be read, CannotRun if onnxruntime does
    not run the file or gives other answers than TensorFlow, and the errors of tf2onnx.
    """
    model = read_saved_model(folder)
    signature = model.signatures[name]
    file = target / file_name(name, precision)
    try:
        if precision == "f32":
            _convert(folder, signature, file)
        else:
            write_half(target / file_name(name), file)
        _check(folder, model, signature, file, precision)
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise


def _convert(folder: Path, signature: Signature, file: Path) -> None:
    names = _output_names(signature)
    with without_xla(folder) as place:
        _run_tf2onnx(place, signature, file, names)
    if file.stat().st_size > _MAX_BYTES:
        raise NotConvertible("its weights are larger than the 2 GB that an ONNX file can hold")
    converted = onnx.load(str(file))
    inputs = {one.name: one.type.tensor_type.elem_type for one in converted.graph.input}
    outputs = {one.name: one.type.tensor_type.elem_type for one in converted.graph.output}
    _require_types("input", inputs, {name: signature.inputs[name] for name in inputs if name in signature.inputs})
    _require_types("output", outputs, {names[name]: spec for name, spec in signature.outputs.items()})
    guards = add_guards(converted)
    notes = Notes(signature.name, saved_model_digest(folder), names, guards)
    onnx.helper.set_model_props(converted, notes.to_metadata())
    onnx.save(converted, str(file))


def _output_names(signature: Signature) -> dict[str, str]:
    """Returns the names of the outputs in the graph: other ones where an input has the same name."""
    free = {name: name not in signature.inputs and "," not in name for name in signature.outputs}
    return {name: name if free[name] else f"lightship_output_{index}" for index, name in enumerate(signature.outputs)}


def _run_tf2onnx(folder: Path, signature: Signature, file: Path, outputs: Mapping[str, str]) -> None:
    """Runs the command `python -m tf2onnx.convert`, in this process. It has the outputs in the order of their names.

    tf2onnx copies the whole graph before each of its optimisations, to go on without one that fails. That takes half of
    the time, so it copies only if one has failed.
    """
    arguments = [
        f"--saved-model={folder}",
        f"--signature_def={signature.name}",
        f"--output={file}",
        f"--opset={_OPSET}",
        f"--rename-outputs={','.join(outputs[name] for name in sorted(outputs))}",
        "--tag=serve",
    ]
    try:
        with _without_copies():
            _main_of_tf2onnx(arguments)
    except Exception as error:
        if not _failed_to_optimise(error):
            raise
        _main_of_tf2onnx(arguments)


def _main_of_tf2onnx(arguments: list[str]) -> None:
    import_tensorflow()  # without Keras, which tf2onnx does not need
    from tf2onnx import convert

    import lightship.packaging.onnx.floor_division
    import lightship.packaging.onnx.gelu  # noqa: F401 - they register themselves

    before, sys.argv = sys.argv, ["tf2onnx.convert", *arguments]
    try:
        convert.main()
    except SystemExit as error:
        raise NotConvertible(f"tf2onnx cannot convert it: {error}") from error
    finally:
        sys.argv = before


@contextmanager
def _without_copies() -> Iterator[None]:
    os.environ[_CATCH_ERRORS] = "FALSE"
    try:
        yield
    finally:
        del os.environ[_CATCH_ERRORS]


def _failed_to_optimise(error: Exception) -> bool:
    modules = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(name.startswith("tf2onnx.optimizer") for name in modules)


def _require_types(kind: str, found: Mapping[str, int], wanted: Mapping[str, TensorSpec]) -> None:
    """Raises NotConvertible unless the file has these inputs or outputs. It may lack inputs that nothing depends on."""
    if found.keys() != wanted.keys():
        names = ", ".join(sorted(found)) or "none"
        raise NotConvertible(f"tf2onnx gives the file the {kind}s {names} instead of {', '.join(sorted(wanted))}")
    for name, number in found.items():
        dtype = onnx.helper.tensor_dtype_to_np_dtype(number)
        if dtype != wanted[name].taken.numpy:
            raise NotConvertible(f'tf2onnx makes {dtype} of the {kind} "{name}", which is {wanted[name].taken.label}')


def _check(folder: Path, model: SavedModel, signature: Signature, file: Path, precision: str) -> None:
    """Raises NotConvertible unless the file gives the golden sample's outputs, and TensorFlow's for random inputs."""
    apart = tolerance(precision) if precision == "f32" else (TOLERANCE, TOLERANCE)
    golden = _golden(folder, signature)
    options = EngineOptions(engine="onnxruntime")
    names = tuple(signature.outputs)
    with closing(open_on_cpu(file, signature, options)) as program, closing(Reference()) as reference:
        if golden is not None:
            if precision != "f32":
                golden = replace(golden, rtol=max(golden.rtol, apart[0]), atol=max(golden.atol, apart[1]))
            difference = golden.compare(program.run(golden.inputs, names))
            if difference is not None:
                raise NotConvertible(f"{_PROBABLE}: {difference}")
        compared = compared_with_tensorflow(
            "onnxruntime",
            lambda inputs: [lambda arrays: program.run(arrays, names)],
            folder,
            model,
            signature,
            options,
            apart,
            reference,
        )
    if golden is None and not compared:
        raise NotConvertible("no inputs can be made up to compare its answers with TensorFlow's")


def _golden(folder: Path, signature: Signature) -> Golden | None:
    if signature.name != DEFAULT_SIGNATURE:
        return None
    return open_bundle(folder, "", 0, verify=False).golden
