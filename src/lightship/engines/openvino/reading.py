"""Reads a signature of a SavedModel as an `openvino.Model`."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from lightship.bundle.int8 import INT8_MODEL, INT8_WEIGHTS
from lightship.engines.base import CannotRun
from lightship.engines.openvino.conversions import finish_conversions, reader
from lightship.engines.openvino.reductions import rewrite_reductions
from lightship.engines.openvino.replacing import replace_node
from lightship.engines.openvino.runtime import core, explain, openvino
from lightship.engines.openvino.shared_weights import copy_shared_weights
from lightship.errors import DataLoss, FailedPrecondition
from lightship.saved_model.reader import saved_model_bytes, with_only_signature
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, SERVE, Signature
from lightship.saved_model.stand_in import stand_in
from lightship.saved_model.versions import SAVED_MODEL_FILE
from lightship.tensors.dtypes import DataType

# Types that the CPU plug-in cannot compute with, or whose results it returns as float.
_UNKNOWN_TYPES = {
    *(DataType.DT_STRING, DataType.DT_COMPLEX64, DataType.DT_COMPLEX128),
    *(DataType.DT_BFLOAT16, DataType.DT_FLOAT8_E5M2, DataType.DT_FLOAT8_E4M3FN),
}


def read_signature(folder: Path, signature: Signature, precision: str = "f32") -> Any:
    """Reads one signature of a version folder. For int8, reads the quantised model beside the SavedModel.

    OpenVINO reads only `serving_default`, and merges all signatures if there is none. For any other signature it
    therefore reads a temporary folder, which holds a copy of `saved_model.pb` with this signature under the name
    `serving_default`, and links to the variables and assets. The same is done for a graph with other tags, for a file
    with several graphs, and for a signature with an output that is called like an input. Raises CannotRun for
    operations and types that OpenVINO lacks, DataLoss for files that it cannot read, and FailedPrecondition if the
    temporary folder cannot be created.
    """
    check_types(signature)
    if precision == "int8":
        return _read_int8(folder, signature)
    try:
        as_it_is = (folder / SAVED_MODEL_FILE).is_file() and signature.alone and signature.tags == SERVE
        as_it_is = as_it_is and not _renamed_outputs(signature)
        if signature.name == DEFAULT_SIGNATURE and as_it_is:
            model = reader().read_model(str(folder))
        else:
            model = _read_renamed(folder, signature)
    except RuntimeError as error:
        raise _failure(error, folder) from error
    except OSError as error:
        raise FailedPrecondition(
            f'signature "{signature.name}" is read by way of a temporary folder, which cannot be made: {error}; '
            "set TMPDIR to a folder that this user may write to"
        ) from error
    _check_ports(model, signature)
    finish_conversions(model)
    _replace_is_finite(model)
    rewrite_reductions(model)
    copy_shared_weights(model)
    return model


def _replace_is_finite(model: Any) -> None:
    """Lets what is neither NaN nor infinite be finite: OpenVINO's own operation says that denormal numbers are not.

    Not within loops and branches; signatures with it there are refused.
    """
    found = [node for node in model.get_ops() if node.get_type_name() == "IsFinite"]
    opset = openvino().opset13
    for node in found:
        number = node.input(0).get_source_output()
        finite = opset.logical_not(opset.logical_or(opset.is_nan(number), opset.is_inf(number)))
        replace_node(node, finite)


def _read_int8(folder: Path, signature: Signature) -> Any:
    """Reads the model that `lightship export --quantize int8` wrote; the manifest's digests vouch for its files."""
    try:
        model = core().read_model(str(folder / INT8_MODEL), str(folder / INT8_WEIGHTS))
    except RuntimeError as error:
        raise DataLoss(
            f"{folder / INT8_MODEL} cannot be read: {explain(error)}; export the model with --quantize int8 again"
        ) from error
    if set(signature.inputs) != input_ports(model, signature).keys():
        raise DataLoss(
            f"{folder / INT8_MODEL} belongs to another model: it does not take {', '.join(sorted(signature.inputs))}; "
            "export the model with --quantize int8 again"
        )
    _check_ports(model, signature)
    finish_conversions(model)
    rewrite_reductions(model)
    copy_shared_weights(model)
    return model


def input_ports(model: Any, signature: Signature) -> dict[str, int]:
    """Returns the index in the model of each of the signature's inputs."""
    return _ports(model.inputs, signature.inputs)


def output_ports(model: Any, signature: Signature) -> dict[str, int]:
    """Returns the index in the model of each of the signature's outputs."""
    renamed = _renamed_outputs(signature)
    ports = _ports(model.outputs, {renamed.get(name, name) for name in signature.outputs})
    names = {new: old for old, new in renamed.items()}
    return {names.get(name, name): index for name, index in ports.items()}


def _renamed_outputs(signature: Signature) -> dict[str, str]:
    """Returns other names for outputs that are called like an input, because OpenVINO would drop their names."""
    taken = {*signature.inputs, *signature.outputs}
    renamed = {}
    for name in signature.outputs:
        if name in signature.inputs:
            new = next(new for count in itertools.count(1) if (new := f"{name}_output_{count}") not in taken)
            taken.add(new)
            renamed[name] = new
    return renamed


def _read_renamed(folder: Path, signature: Signature) -> Any:
    rewritten = with_only_signature(
        saved_model_bytes(folder), signature.name, signature.tags, _renamed_outputs(signature)
    )
    with stand_in(folder, rewritten) as place:
        return reader().read_model(str(place))


def _ports(ports: Any, wanted: Any) -> dict[str, int]:
    found = {}
    for index, port in enumerate(ports):
        found.update({name: index for name in port.get_names() if name in wanted})
    return found


def check_types(signature: Signature) -> None:
    """Raises CannotRun if OpenVINO cannot compute with the type of an input or output."""
    for spec in signature.inputs.values():
        if spec.fed is not None:
            raise CannotRun(f'"{spec.name}" is declared {spec.dtype.label}, but its placeholder is {spec.fed.label}')
        if spec.replaces_default:  # OpenVINO treats it as a constant and would ignore the value
            raise CannotRun(f'OpenVINO cannot feed "{spec.name}", a placeholder with a default')
    for spec in (*signature.inputs.values(), *signature.outputs.values()):
        if spec.dtype in _UNKNOWN_TYPES:
            raise CannotRun(f'OpenVINO does not support the type {spec.dtype.label} of tensor "{spec.name}"')
        if not spec.tensor:
            raise CannotRun(f'OpenVINO does not take sparse or composite tensors (tensor "{spec.name}")')


def _check_ports(model: Any, signature: Signature) -> None:
    missing = set(signature.outputs) - output_ports(model, signature).keys()
    if missing:
        raise CannotRun(f"OpenVINO does not give these outputs: {', '.join(sorted(missing))}")


def _failure(error: RuntimeError, folder: Path) -> Exception:
    text = str(error)
    if "is not initialized" in text and not (folder / "variables" / "variables.index").is_file():
        return DataLoss(f"{folder}: the file variables/variables.index is missing; export or copy the version again")
    if "checkpoint_utils" in text or "variables_index" in text or "cannot be parsed" in text:
        return DataLoss(
            f"{folder}: OpenVINO cannot read the weights: {explain(error)}; export or copy the version again"
        )
    missing = re.search(r"No conversion rule found for operations: (.*)", text)
    if missing:
        return CannotRun(f"OpenVINO has no operation {missing.group(1).strip()}")
    failed = re.search(r"Conversion is failed for: (.*)", text)
    if failed:
        return CannotRun(f"OpenVINO cannot convert the operation {failed.group(1).strip()}")
    return CannotRun(f"OpenVINO cannot read the graph: {explain(error)}")
