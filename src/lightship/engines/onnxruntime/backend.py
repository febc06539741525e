"""Opens version folders with onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lightship.bundle.manifest import EXTRAS
from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.device import parse_device
from lightship.engines.onnxruntime.files import Notes, file_name, saved_model_digest
from lightship.engines.onnxruntime.gpus import chosen_gpus
from lightship.engines.onnxruntime.program import OnnxProgram
from lightship.engines.onnxruntime.providers import (
    Provider,
    gpu_providers,
    prepare_cuda,
    require_cuda,
    tensorrt_installed,
)
from lightship.engines.onnxruntime.replicas import CPU, Replica, Replicas
from lightship.engines.onnxruntime.sessions import make_session, onnxruntime
from lightship.errors import FailedPrecondition
from lightship.memory import release_freed_memory
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature

# The precisions for which there are files.
PRECISIONS = ("f32", "fp16")


class OnnxRuntime:
    """The engine onnxruntime. It runs the ONNX files that `lightship convert` made of a version's SavedModel."""

    name = "onnxruntime"

    def open(self, folder: Path, saved_model: SavedModel, options: EngineOptions) -> OnnxRuntimeVersion:
        """Opens a version folder.

        Raises CannotRun if it has no ONNX file or onnxruntime is not installed, and FailedPrecondition if a GPU is
        asked for and cannot be used: such a version must not run on the CPU instead.
        """
        device = parse_device(options.device)
        gpus = usable_gpus(options.device) if device.gpu else ()
        onnxruntime()
        if not any((folder / EXTRAS).glob("model*.onnx")):
            raise CannotRun(f"it has no {EXTRAS}/model.onnx; `lightship convert {folder} --onnx` makes it")
        return OnnxRuntimeVersion(folder, options, gpus)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a replica runs."""

    name: str
    providers: Sequence[Provider]
    # The arenas whose memory is given back.
    arenas: str


_CPU = _Place(CPU, (), "cpu:0")


class OnnxRuntimeVersion:
    """A version folder that onnxruntime has opened."""

    def __init__(self, folder: Path, options: EngineOptions, gpus: Sequence[int]) -> None:
        """`gpus` are the numbers of the GPUs to run on; none for the CPU."""
        self._folder, self._options, self._gpus = folder, options, tuple(gpus)
        self._digest = ""
        # How many runs are computed at once: one on each GPU.
        self.streams = max(1, len(self._gpus))

    def program(self, signature: Signature) -> OnnxProgram:
        """Returns a signature, with a replica on each device.

        Raises CannotRun if it was not converted, or if its file was made from another SavedModel.
        """
        precision = self._options.precision if signature.name == DEFAULT_SIGNATURE else "f32"
        if precision not in PRECISIONS:
            raise CannotRun(f"onnxruntime does not compute in {precision}; it has f32 and fp16")
        name = file_name(signature.name, precision)
        file = self._folder / EXTRAS / name
        if not name or not file.is_file():
            raise CannotRun(f"the signature was not converted: there is no {EXTRAS}/{name or '*.onnx'}")
        self._digest = self._digest or saved_model_digest(self._folder)
        try:
            return _program(file, signature, self._options, self._places(signature), self._digest, precision)
        except CannotRun as unable:
            raise CannotRun(
                f"{EXTRAS}/{file.name} is not used: {unable.reason}; make it again: lightship convert {self._folder} "
                "--onnx"
            ) from unable

    def close(self) -> None:
        release_freed_memory()

    def _places(self, signature: Signature) -> list[_Place]:
        if not self._gpus:
            return [_CPU]
        ort = onnxruntime()
        prepare_cuda(ort)
        providers = partial(gpu_providers, ort.get_available_providers(), tensorrt=tensorrt_installed())
        return [
            _Place(f"GPU {gpu}", providers(gpu, self._options, signature), f"cpu:0;gpu:{gpu}") for gpu in self._gpus
        ]


def open_on_cpu(file: Path, signature: Signature, options: EngineOptions) -> OnnxProgram:
    """Opens one ONNX file on the CPU, whichever SavedModel it was made from. Raises CannotRun if that is impossible."""
    return _program(file, signature, options, [_CPU])


def _program(
    file: Path,
    signature: Signature,
    options: EngineOptions,
    places: Sequence[_Place],
    saved_model: str | None = None,
    precision: str = "f32",
) -> OnnxProgram:
    """Opens an ONNX file on each of the places.

    saved_model: the digest of the SavedModel that the file must have been made from; None for any. Raises CannotRun if
    it is another one, or if onnxruntime cannot run the file.
    """
    replicas: list[Replica] = []
    try:
        for place in places:
            session = make_session(file, options, place.providers)
            replicas.append(Replica(session, _shrinking(place.arenas), place.name))
        notes = Notes.of_metadata(session.get_modelmeta().custom_metadata_map)
        used, outputs = ([one.name for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
        same = saved_model in (None, notes.saved_model) and notes.signature == signature.name
        wanted = {*notes.outputs.values(), *[guard.output for guard in notes.guards]}
        same = same and signature.inputs.keys() >= set(used) and signature.outputs.keys() == notes.outputs.keys()
        if not same or wanted != set(outputs):
            raise CannotRun("it was made from another SavedModel")
    except UnicodeDecodeError as error:
        Replicas(replicas).close()
        raise CannotRun(f"it is damaged: a name or note in it is not UTF-8 ({error.reason})") from error
    except BaseException:
        Replicas(replicas).close()
        raise
    floats = [name for name in used if signature.inputs[name].taken.numpy.kind == "f"]
    return OnnxProgram(Replicas(replicas), used, floats, notes.outputs, notes.guards, precision)


def usable_gpus(device: str) -> tuple[int, ...]:
    """Returns the numbers of the GPUs that a device names.

    Raises FailedPrecondition if onnxruntime cannot use GPUs here, or if one of them is not there.
    """
    try:
        require_cuda(onnxruntime().get_available_providers())
    except CannotRun as unable:
        raise FailedPrecondition(f"the device {device} needs onnxruntime-gpu: {unable.reason}") from unable
    return chosen_gpus(parse_device(device))


def _shrinking(arenas: str) -> Any:
    """Returns the options of a run after which onnxruntime gives back the memory that it does not use."""
    options = onnxruntime().RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arenas)
    return options
