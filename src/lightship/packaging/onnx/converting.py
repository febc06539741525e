"""Makes ONNX files from the SavedModel of a version folder, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from lightship.engines.onnxruntime.files import file_name
from lightship.errors import FailedPrecondition
from lightship.extras import require
from lightship.packaging.progress import Progress
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature
from lightship.tensors.dtypes import DataType

_MAIN = (
    "import sys, json; request = json.loads(sys.argv[1]); sys.path[:] = request['path']; "
    "from lightship.packaging.onnx.child import main; main(request)"
)
_PURPOSE = "converting to ONNX"
_MAX_TEXT = 300


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a signature."""

    signature: str
    precision: str
    # The name of its file in `assets.extra`; empty if there is none.
    file: str
    # Why there is no file; empty if there is one.
    reason: str = ""


def convert_to_onnx(folder: Path, target: Path, precisions: Sequence[str], progress: Progress) -> list[Conversion]:
    """Writes an ONNX file for each signature of a version that converts, into the folder `target`.

    precisions: "f32", and perhaps "fp16", which is for `serving_default` only. Each file was compared with the golden
    sample, and with TensorFlow on random inputs, on the CPU.

    Raises FailedPrecondition if a package is missing, with what to install.
    """
    require_onnx()
    model = read_saved_model(folder)
    signatures = {name: one for name, one in model.signatures.items() if name != INIT_SIGNATURE}
    refused = {name: reason for name, one in signatures.items() if (reason := _refusal(one, model))}
    waiting = sorted(signatures.keys() - refused.keys(), key=lambda name: (name != DEFAULT_SIGNATURE, name))
    found = [Conversion(name, "f32", "", reason) for name, reason in refused.items()]
    while waiting:  # a process that crashes does so at the signature that it has begun
        begun = len(found)
        found += _converted(folder, target, waiting, precisions, progress)
        done = {one.signature for one in found[begun:]}
        if not done:
            raise FailedPrecondition(f"converting {folder} to ONNX ended without a result (this is a bug in Lightship)")
        waiting = [name for name in waiting if name not in done]
    return sorted(found, key=lambda one: (list(signatures).index(one.signature), precisions.index(one.precision)))


def require_onnx() -> None:
    """Raises FailedPrecondition, with what to install, if a package that converts is missing."""
    require(_PURPOSE, "tensorflow", "tf2onnx", "onnx", "onnxruntime")


def _refusal(signature: Signature, model: SavedModel) -> str:
    """Says why a signature cannot be converted, if that is known without trying; else ""."""
    if signature.name in model.changes.writers or signature.name in model.changes.readers:
        return "it changes variables, or reads some that others change"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for name, spec in specs.items():
            if not spec.tensor:
                return f'its {kind} "{name}" is sparse or composite'
            if spec.taken is DataType.DT_STRING:
                return f'its {kind} "{name}" holds strings'
    return "" if file_name(signature.name) else "its name is too long for a file"


def _converted(
    folder: Path, target: Path, signatures: Sequence[str], precisions: Sequence[str], progress: Progress
) -> Iterator[Conversion]:
    """Has a new process convert signatures. If it ends early, that is the reason of the one that it has begun."""
    progress.step("starting the conversion to ONNX")
    request = {
        "path": sys.path,
        "folder": str(folder.absolute()),
        "target": str(target.absolute()),
        "signatures": list(signatures),
        "precisions": list(precisions),
    }
    with (target / ".log").open("w+b") as log, _process(request, log) as process:
        begun: dict[str, Any] = {}
        for line in process.stdout:
            message = json.loads(line)
            if "reason" not in message:
                begun = message
                kind = "" if message["precision"] == "f32" else f" in {message['precision']}"
                progress.step(f"converting {message['signature']} to ONNX{kind}")
            else:
                begun = {}
                yield _conversion(**message)
        code = process.wait()
        if begun:
            yield _conversion(**begun, reason=f"the converting process ended by {_how(code)}{_last_line(log)}")
        elif code:
            raise FailedPrecondition(f"the process that converts to ONNX ended by {_how(code)}{_last_line(log)}")


def _conversion(signature: str, precision: str, reason: str | None) -> Conversion:
    file = file_name(signature, precision) if reason is None else ""
    return Conversion(signature, precision, file, reason or "")


@contextmanager
def _process(request: dict[str, Any], log: IO[bytes]) -> Iterator[Any]:
    """Starts the process, and ends it if the block is left early."""
    # -P: without it, Python imports the first modules from the working folder, if that has files of their names.
    command = [sys.executable, "-P", "-c", _MAIN, json.dumps(request)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    said = log.read().decode(errors="replace").strip().rpartition("\n")[2][:_MAX_TEXT]
    return f": {said}" if said else ""


def reasons(conversions: Collection[Conversion]) -> str:
    """Returns the reasons of the signatures that were not converted, as one text."""
    return "; ".join(f'"{one.signature}": {one.reason}' for one in conversions if one.reason)
