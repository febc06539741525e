"""Chooses the engine of each signature: OpenVINO, or TensorFlow for signatures that OpenVINO cannot run.

If the options name a backend, it comes before both.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.backends import BUILT_IN, OpenedVersion, TriedProgram, check_engine
from lightship.engines.base import (
    DEFAULT_OPTIONS,
    MAX_DIMENSIONS,
    Arrays,
    CannotRun,
    Engine,
    EngineOptions,
    Joining,
    Program,
    Refused,
    SignatureReport,
    as_declared,
    check_inputs,
    check_outputs,
)
from lightship.engines.device import check_device
from lightship.engines.folder_stamp import check_unchanged, stamp_of_folder
from lightship.engines.loaded_files import FilesChanged, LoadedFiles
from lightship.engines.openvino import OpenVINOProgram
from lightship.engines.openvino.program import Compiler, in_process
from lightship.engines.openvino.tried import Tried
from lightship.engines.sure_refusals import SureRefusals
from lightship.engines.tensorflow import TensorFlowModel, tensorflow_installed
from lightship.engines.trial import names_shortage, retry_time, trials_for
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, LightshipError, ResourceExhausted
from lightship.extras import INSTALL_TENSORFLOW
from lightship.repeated import log_level
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature
from lightship.saved_model.versions import SAVED_MODEL_FILE, TFLITE_FILE, has_saved_model
from lightship.tensors.dtypes import DataType
from lightship.threads import RAISE_LIMITS

logger = logging.getLogger(__name__)

# OpenVINO computes these types in float32 and int32. TensorFlow computes them exactly, if it is installed.
_NARROWED = {DataType.DT_DOUBLE, DataType.DT_UINT32, DataType.DT_UINT64}


def load_engine(
    bundle_path: Path,
    saved_model: SavedModel,
    options: EngineOptions = DEFAULT_OPTIONS,
    digests: Digests | None = None,
    only: str = "",
    *,
    few_runs: bool = False,
) -> Engine:
    """Loads the model of a version folder: `serving_default` now, other signatures when they are first needed.

    If there is no `serving_default`, the model's first signature is loaded. `digests` are those of the files in the
    folder, if some are known. `only` is the engine that must run `serving_default`; if it cannot, CannotRun is raised
    before another one is asked. `few_runs` says that each signature runs a few times only, so TensorFlow does not
    optimise its graph first: that takes longer than it saves. Raises InvalidArgument if the options name an engine that
    is not there, FailedPrecondition if no installed runtime can run that signature, and DataLoss if the files cannot be
    read.
    """
    name = check_device(options.device, check_engine(options.engine))
    if name != options.engine:
        options = replace(options, engine=name)
    engine = _ChoosingEngine(bundle_path, saved_model, options, digests, only, few_runs)
    try:
        engine.load_first()
    except BaseException:
        engine.close()
        raise
    return engine


def _with_litert(options: EngineOptions, folder: Path) -> EngineOptions:
    """Returns the options for `model.tflite`, which no other engine reads."""
    if options.engine in ("openvino", "tensorflow"):
        raise FailedPrecondition(
            f"{TFLITE_FILE} in {folder} runs on LiteRT only, but the engine asked for is {options.engine}; "
            "give --engine litert, or leave it out"
        )
    return replace(options, engine="litert")


class _Slot:
    """The state of one signature.

    The lock is held while the signature is compiled. Other signatures have their own locks and can run meanwhile.
    """

    __slots__ = (
        "_taken",
        "engine",
        "error",
        "fallback",
        "lock",
        "precision",
        "program",
        "proof",
        "reason",
        "refusals",
        "retry_at",
        "signature",
    )

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._taken: dict[str, np.dtype[Any]] | None = None
        self.lock = Lock()
        self.program: Program | None = None
        self.fallback: Program | None = None  # in TensorFlow, for requests that OpenVINO must not run
        self.error: LightshipError | None = None
        self.retry_at = math.inf  # by `time.monotonic`: when the signature is loaded again despite an error
        self.engine = ""
        self.reason = ""
        self.proof = ""
        self.precision = "f32"
        self.refusals: SureRefusals | None = None  # of TensorFlow, if OpenVINO runs the signature

    def check_inputs(self, inputs: Arrays) -> None:
        """Checks inputs like `base.check_inputs`. For valid inputs it takes a third of the time."""
        taken = self._taken
        if taken is not None and inputs.keys() == taken.keys():
            for name, dtype in taken.items():
                array = inputs[name]
                if array.dtype is not dtype or array.ndim > MAX_DIMENSIONS:
                    break
            else:
                return
        check_inputs(self.signature, inputs)
        self._taken = {name: spec.taken.numpy for name, spec in self.signature.inputs.items()}


class _ChoosingEngine:
    def __init__(
        self,
        folder: Path,
        saved_model: SavedModel,
        options: EngineOptions,
        digests: Digests | None,
        only: str,
        few_runs: bool,
    ) -> None:
        self._folder, self._options, self._digests, self._only = folder, options, digests, only
        self._few_runs, self._files = few_runs, LoadedFiles(folder, digests)
        self._saved_model, signatures = saved_model, saved_model.signatures
        self._slots = {name: _Slot(signatures[name]) for name in signatures if name != INIT_SIGNATURE}
        self._tensorflow: TensorFlowModel | None = None
        self._tensorflow_lock = Lock()
        self._only_tflite = saved_model.file == TFLITE_FILE
        if self._only_tflite:
            self._options = options = _with_litert(options, folder)
        named = options.engine not in BUILT_IN
        self._backend = OpenedVersion(folder, saved_model, options, digests) if named else None
        self._backend_lock = Lock()

    @property
    def name(self) -> str:
        used = {slot.engine for slot in self._slots.values() if slot.engine}
        return "+".join(sorted(used)) or "none"

    def run(self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        slot = self._slot(signature)
        wanted = check_outputs(slot.signature, outputs)
        slot.check_inputs(inputs)
        program = slot.program
        if program is None:
            program = self._load(slot)
        try:
            return program.run(inputs, wanted)
        except CannotRun as unable:
            return self._on_fallback(slot, unable, inputs, wanted)

    def try_run(
        self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]] | None:
        slot = self._slot(signature)
        wanted = check_outputs(slot.signature, outputs)
        slot.check_inputs(inputs)
        program = slot.program
        try:
            return None if program is None else program.try_run(inputs, wanted)
        except CannotRun:
            return None

    def run_joined(
        self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None, *, wait: bool = True
    ) -> dict[str, NDArray[Any]] | None:
        slot = self._slot(signature)
        wanted = check_outputs(slot.signature, outputs)
        slot.check_inputs(inputs)
        program = slot.program
        if not isinstance(program, (OpenVINOProgram, TriedProgram)):
            return None
        try:
            return program.run(inputs, wanted) if wait else program.try_run(inputs, wanted, short=True)
        except CannotRun:
            return None

    def ready(self, signature: str, inputs: Arrays) -> bool:
        slot = self._slots.get(signature)
        if slot is None:
            return True
        program = slot.program
        if program is None:
            return slot.error is not None and time.monotonic() < slot.retry_at
        return not isinstance(program, OpenVINOProgram) or program.ready(inputs)

    def joining(self, signature: str) -> Joining | None:
        slot = self._slots.get(signature)
        program = None if slot is None else slot.program
        return program.joining() if isinstance(program, (OpenVINOProgram, TriedProgram)) else None

    def reports(self) -> tuple[SignatureReport, ...]:
        slots = sorted(self._slots.items())
        return tuple(SignatureReport(name, slot.engine, slot.reason, slot.proof) for name, slot in slots)

    def engine_of(self, signature: str) -> str:
        slot = self._slot(signature)
        if slot.program is None:
            self._load(slot)
        return slot.engine

    def precision_of(self, signature: str) -> str:
        slot = self._slot(signature)
        if slot.program is None:
            self._load(slot)
        return slot.precision

    def warm_up(self, signature: str, inputs: Arrays) -> None:
        self.run(signature, inputs)

    def close(self) -> None:
        for slot in self._slots.values():
            with slot.lock:
                program, slot.program = slot.program, None
                slot.error, slot.retry_at = FailedPrecondition("the model was unloaded"), math.inf
                if program is not None:
                    program.close()
        with self._tensorflow_lock:
            model, self._tensorflow = self._tensorflow, None
            if model is not None:
                model.close()
        with self._backend_lock:
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.close()

    def load_first(self) -> None:
        if DEFAULT_SIGNATURE in self._slots:
            self._load(self._slots[DEFAULT_SIGNATURE])
        elif self._slots:
            self._load(next(iter(self._slots.values())))
        self._files.remember_digests()

    def _slot(self, signature: str) -> _Slot:
        slot = self._slots.get(signature)
        if slot is None:
            known = ", ".join(sorted(self._slots)) or "none"
            raise InvalidArgument(f'Serving signature name: "{signature}" cannot be run; the model has {known}')
        return slot

    def _load(self, slot: _Slot) -> Program:
        with slot.lock:
            if slot.error is not None and time.monotonic() < slot.retry_at:
                raise type(slot.error)(slot.error.message)
            if slot.program is None:
                try:
                    slot.program = self._choose(slot)
                except FilesChanged:
                    raise
                except LightshipError as error:
                    slot.error, slot.reason = error, error.message
                    slot.retry_at = retry_time(error)
                    raise
                slot.error = None
                logger.log(
                    log_level(logging.INFO),
                    '%s: signature "%s" runs on %s',
                    self._folder,
                    slot.signature.name,
                    slot.engine,
                    extra={"folder": str(self._folder)},
                )
            return slot.program

    def _choose(self, slot: _Slot) -> Program:
        if self._backend is None:
            return self._usual(slot)
        try:
            return self._on_backend(slot)
        except CannotRun as unable:
            if self._only_tflite:
                raise FailedPrecondition(self._no_other_engine(slot.signature, unable)) from unable
            if self._must_stay(slot, self._options.engine):
                raise
            program = self._usual(slot)
            name = self._options.engine
            logger.warning(
                '%s: %s does not run signature "%s": %s',
                self._folder,
                name,
                slot.signature.name,
                unable.reason,
                extra={"folder": str(self._folder)},
            )
            slot.reason = f"{name} does not run it: {unable.reason}; {slot.reason}"
            return program

    def _on_backend(self, slot: _Slot) -> Program:
        """Raises CannotRun if the backend cannot run the signature."""
        changes, name = self._saved_model.changes, slot.signature.name
        if name in changes.writers or name in changes.readers:
            raise CannotRun("the signature changes variables, or reads some that others change")
        if self._options_of(slot.signature).precision != self._options.precision:
            raise CannotRun(f"only {DEFAULT_SIGNATURE} is computed in {self._options.precision}")
        self._files.require_same(name)
        with self._backend_lock:
            if self._backend is None:
                raise FailedPrecondition("the model was unloaded")
            program = self._backend.program(slot.signature)
        slot.engine, slot.proof = self._options.engine, program.proof
        slot.reason = f"{TFLITE_FILE} is served" if self._only_tflite else "the engine asked for"
        slot.precision = program.precision
        return program

    def _usual(self, slot: _Slot) -> Program:
        """Returns the signature on OpenVINO or TensorFlow."""
        if slot.signature.name in self._saved_model.changes.writers:
            return self._on_tensorflow(
                slot, CannotRun("the signature changes variables, which are constants in OpenVINO")
            )
        if self._options.engine == "tensorflow" or self._better_in_tensorflow(slot.signature):
            return self._on_tensorflow(slot, CannotRun("the engine asked for is TensorFlow"))
        self._files.require_same(slot.signature.name)
        try:
            options = self._options_of(slot.signature)
            compiler = self._compiler(self._folder, slot.signature, options)
            program = OpenVINOProgram(self._folder, slot.signature, options, compiler)
        except CannotRun as unable:
            return self._in_parts(slot, unable)
        slot.engine, slot.reason = "openvino", "every operation is proven"
        slot.refusals = SureRefusals(self._folder, slot.signature)
        slot.proof, slot.precision = program.description.proof, program.precision
        return program

    def _options_of(self, signature: Signature) -> EngineOptions:
        """Returns the options for a signature: all but `serving_default`, which is checked, are computed in f32."""
        if signature.name == DEFAULT_SIGNATURE and self._options.precision != "auto":
            return self._options
        return replace(self._options, precision="f32")

    def _in_parts(self, slot: _Slot, unable: CannotRun) -> Program:
        """Returns the signature with what OpenVINO cannot run in front of it or behind it, or all on TensorFlow."""
        from lightship.engines.host import HostProgram, NothingToSplit  # most models need none of it

        options = replace(self._options, precision="f32", figures=None)
        compiler = partial(self._compiler, options=options)
        stamp = stamp_of_folder(self._folder)
        try:
            program = HostProgram(self._folder, self._saved_model, slot.signature, options, compiler)
        except NothingToSplit:
            return self._on_tensorflow(slot, unable)
        except CannotRun as why:
            return self._on_tensorflow(slot, why)
        try:
            check_unchanged(self._folder, stamp)
        except DataLoss:
            program.close()
            raise
        slot.engine, slot.reason, slot.proof = program.engine, program.reason, program.proof
        slot.refusals = SureRefusals(self._folder, slot.signature)
        return program

    def _compiler(self, folder: Path, signature: Signature, options: EngineOptions) -> Compiler:
        if options.trust:
            return in_process(folder, signature, options)
        digests = self._digests if folder == self._folder else None
        return Tried(folder, signature, options, trials_for(options), digests)

    def _better_in_tensorflow(self, signature: Signature) -> bool:
        """Returns whether TensorFlow should run this signature although OpenVINO could.

        This is so if OpenVINO would compute in narrower types, or if the variables may change, which only TensorFlow
        supports.
        """
        if self._options.engine == "openvino" or not tensorflow_installed():
            return False
        if signature.name in self._saved_model.changes.readers:
            return True
        tensors = (*signature.inputs.values(), *signature.outputs.values())
        return any(tensor.dtype in _NARROWED for tensor in tensors)

    def _must_stay(self, slot: _Slot, engine: str) -> bool:
        return self._only == engine and slot.signature.name == DEFAULT_SIGNATURE

    def _on_tensorflow(self, slot: _Slot, unable: CannotRun) -> Program:
        if self._must_stay(slot, "openvino"):
            raise unable
        program = self._tensorflow_program(slot.signature, unable)
        slot.engine, slot.reason = "tensorflow", unable.reason
        return program

    def _on_fallback(
        self, slot: _Slot, unable: CannotRun, inputs: Arrays, outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Answers this request with TensorFlow.

        OpenVINO runs the signature, but cannot run it with these values or shapes.
        """
        if isinstance(unable, Refused):
            self._raise_if_final(slot, unable, inputs)
        with slot.lock:
            if slot.fallback is None:
                slot.fallback = self._tensorflow_program(slot.signature, unable)
            fallback = slot.fallback
        results = fallback.run(inputs, outputs)
        if isinstance(unable, Refused) and unable.lasting and as_declared(slot.signature, inputs):
            self._stay_on_fallback(slot, unable)
        return results

    def _raise_if_final(self, slot: _Slot, unable: Refused, inputs: Arrays) -> None:
        """Raises OpenVINO's refusal, if TensorFlow is not to be asked or is known to refuse too."""
        installed = tensorflow_installed()
        asked = installed and self._options.engine != "openvino"
        if asked and (self._options.tensorflow_texts or not self._surely_refused(slot, unable, inputs)):
            return
        may_answer = not installed and unable.doubtful and not self._surely_refused(slot, unable, inputs)
        hint = f". TensorFlow may answer it: {INSTALL_TENSORFLOW}" if may_answer else ""
        raise InvalidArgument(unable.error.message + hint) from None

    def _surely_refused(self, slot: _Slot, unable: Refused, inputs: Arrays) -> bool:
        """Returns whether TensorFlow is known to refuse the shapes of these inputs, for which OpenVINO refused them."""
        return unable.doubtful and slot.refusals is not None and slot.refusals.include(inputs)

    def _stay_on_fallback(self, slot: _Slot, unable: CannotRun) -> None:
        """Runs the signature on TensorFlow from now on.

        OpenVINO refused an input of the declared shape that TensorFlow answered, so it would refuse similar inputs
        again.
        """
        with slot.lock:
            if slot.program is slot.fallback or slot.error is not None:
                return
            slot.program, slot.engine, slot.proof, slot.precision = slot.fallback, "tensorflow", "", "f32"
            slot.reason = f"OpenVINO refused an input that TensorFlow answers: {unable.reason}"
        logger.warning(
            '%s: signature "%s" runs on tensorflow from now on: %s',
            self._folder,
            slot.signature.name,
            slot.reason,
            extra={"folder": str(self._folder)},
        )

    def _tensorflow_program(self, signature: Signature, unable: CannotRun) -> Program:
        if self._tensorflow is None and names_shortage(unable.reason):  # TensorFlow would need even more
            raise ResourceExhausted(f"{unable.reason}: {RAISE_LIMITS}") from unable
        if self._options.engine == "openvino" or not tensorflow_installed():
            raise FailedPrecondition(self._needs_tensorflow(signature, unable))
        with self._tensorflow_lock:
            if self._tensorflow is None:
                self._files.require_same(signature.name)
                self._tensorflow = TensorFlowModel(
                    self._folder, self._saved_model, self._options, optimised=not self._few_runs
                )
            return self._tensorflow.program(signature)

    def _no_other_engine(self, signature: Signature, unable: CannotRun) -> str:
        text = f'signature "{signature.name}" of {TFLITE_FILE} cannot be run: {unable.reason}'
        if has_saved_model(self._folder):
            text += f"; or serve {SAVED_MODEL_FILE}, without --prefer-tflite"
        return text

    def _needs_tensorflow(self, signature: Signature, unable: CannotRun) -> str:
        text = f'signature "{signature.name}" needs TensorFlow: {unable.reason}'
        text += "; allow it with --engine auto" if tensorflow_installed() else f". Install it: {INSTALL_TENSORFLOW}"
        if unable.operation:
            text += f", or let OpenVINO run it unproven: --allow-unproven {unable.operation}"
        return text
