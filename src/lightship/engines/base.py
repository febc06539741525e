"""The interface of an engine, its options, and the checks of inputs and outputs that all engines share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument, MissingName, WrongDtype
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType
from lightship.tensors.shapes import declared_shape

Arrays = Mapping[str, NDArray[Any]]
Precision = Literal["f32", "bf16", "fp16", "int8", "auto"]
PRECISIONS: tuple[Precision, ...] = ("f32", "bf16", "fp16", "int8", "auto")


# A run that is known to take at most this many seconds may block the event loop. Passing a run to a thread and
# receiving its result takes half as long as this.
SHORT_SECONDS = 0.0003

# The highest rank of an input. TensorFlow ends the process if an array of strings has more dimensions, and OpenVINO
# compiles no model with more.
MAX_DIMENSIONS = 32

MAX_THREADS = 1 << 16
_ONE_ROW = ("auto", "always", "never")
_INT32 = np.iinfo(np.int32)


class Engine(Protocol):
    """Runs the signatures of one version folder."""

    @property
    def name(self) -> str:
        """The runtime in use, such as "openvino", or several joined by "+" if signatures use different ones."""

    def run(self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Runs a signature on one array per input and returns the requested outputs, or all outputs by default.

        Arrays have the signature's dtypes; strings are object arrays of bytes. Their shapes may differ from the
        declared shapes if the operations accept them. The caller owns the returned arrays. Any thread may call this.
        Raises InvalidArgument for values or shapes that the operations do not accept, and FailedPrecondition if no
        installed runtime can run the signature.
        """

    def try_run(
        self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]] | None:
        """Runs a signature like `run` if the run is known to take less than `SHORT_SECONDS`.

        This method never waits and loads nothing. If the run may take longer, it returns None; the caller must then
        call `run` in a thread that may block.
        """

    def run_joined(
        self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None, *, wait: bool = True
    ) -> dict[str, NDArray[Any]] | None:
        """Runs the rows of several calls together, like `run`. The signature's rows must be independent.

        Returns None if another engine would have to run them, because of the values of some row: then each call is to
        be run by itself. With `wait=False` it neither waits nor loads anything, and returns None if it had to.
        """

    def ready(self, signature: str, inputs: Arrays) -> bool:
        """Returns whether `run` would not wait until something is compiled. Never waits, and checks nothing."""

    def joining(self, signature: str) -> Joining | None:
        """Returns how calls of this signature may be joined to one run.

        Returns None if its rows are not known to be independent, or if a run changes variables. Never waits.
        """

    def reports(self) -> tuple[SignatureReport, ...]:
        """Returns a report on each signature, sorted by name. Compiles nothing."""

    def engine_of(self, signature: str) -> str:
        """Returns the name of the runtime that runs this signature. Compiles the signature if it is not compiled yet.

        Raises the same errors as `run`.
        """

    def precision_of(self, signature: str) -> str:
        """Returns the precision that the signature is computed in. Compiles it if it is not compiled yet.

        Raises the same errors as `run`.
        """

    def warm_up(self, signature: str, inputs: Arrays) -> None:
        """Runs the signature once, so that the first request with these shapes does not wait for compilation."""

    def close(self) -> None:
        """Releases the engine's memory and sessions. No thread may be running the engine."""


class Program(Protocol):
    """One signature that is ready to run in one runtime.

    A program that computes in another precision than f32 has it in an attribute `precision`, such as "fp16". A version
    is refused if that is not the precision that `EngineOptions` asks for.
    """

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature and returns the outputs of these names, as `Engine.run`.

        Any thread may call this, and several at once. Raises InvalidArgument for values or shapes that the operations
        do not accept, and CannotRun if another runtime is to run the signature with these values.
        """
        ...

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Runs like `run` if the run takes less than `SHORT_SECONDS` and need not wait. Otherwise returns None."""
        return None

    def close(self) -> None:
        """Releases what the signature holds. No thread is running it."""
        return None


# Pairs of a number of rows and the seconds of one run.
Costs = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What runs of one signature cost, as `lightship tune` measured it. Then nothing is measured when it is loaded."""

    # The name of the signature.
    signature: str
    # The costs of one run on all processors. No batch is larger than the largest number of rows here or, with several
    # streams, in `costs_of_streams`.
    costs: Costs
    # How many runs the engine computes at once when calls wait.
    streams: int = 1
    # The costs of one run while all streams run; empty for one stream.
    costs_of_streams: Costs = ()


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the signatures of a version are run.

    Raises InvalidArgument for numbers out of range, and for a `one_row` that does not exist.
    """

    # The runtime: "auto" uses OpenVINO where it can and TensorFlow otherwise; "openvino", "tensorflow", or the name of
    # a backend, see `engines/backend.py`.
    engine: str = "auto"
    # Threads of one run. 0 means one per processor that this process may use, or one if the run is short.
    threads: int = 0
    # The precision of the arithmetic of `serving_default`; other signatures are computed in f32. "auto" is the fastest
    # that this machine has and that passes its check. See docs/guides/precision.md.
    precision: Precision = "f32"
    # A folder of photos on which answers in another precision are compared with those in f32. None: only those for the
    # golden sample are compared.
    verify_with: Path | None = None
    # The largest difference of an output's numbers that is accepted, as a share of its largest number. None means the
    # default of the precision: 0.05 for bf16, 0.02 for fp16, 0.5 for int8.
    max_difference: float | None = None
    # The least share of rows whose largest number must be at the same place as in f32.
    min_agreement: float = 0.98
    # Operations that OpenVINO may run although they are not in the table of proven operations.
    allow_unproven: frozenset[str] = frozenset()
    # Compile in this process, without a helper process and without a comparison with TensorFlow.
    trust: bool = False
    # Seconds that a helper process may take for one signature.
    trial_seconds: float = 120.0
    # Bytes that a helper process may use. 0 means half of the memory that this process may use.
    trial_memory: int = 0
    # The folder for compiled models. None means the user's cache folder.
    cache_dir: Path | None = None
    # Whether TensorFlow, if it is installed, also answers shapes that it is known to refuse. Its text is TensorFlow
    # Serving's then, but the first such request waits seconds for the import of TensorFlow.
    tensorflow_texts: bool = False
    # Whether `model.tflite` is served instead of the SavedModel of the same version. Without a SavedModel it is anyway.
    prefer_tflite: bool = False
    # How many calls of one `model.tflite` run at the same time, each in an interpreter of its own. 0 means one for each
    # of the threads, and more share these.
    tflite_interpreters: int = 0
    # Whether to load at low priority, because other versions answer meanwhile.
    low_priority: bool = False
    # Where models run: "cpu", "gpu" for a replica on each NVIDIA GPU, or "gpu:0,1" for some. Onnxruntime runs on GPUs.
    device: str = "cpu"
    # Bytes that each signature may use on each GPU for weights and tensors. 0 means no limit.
    gpu_memory: int = 0
    # Runs of a signature that OpenVINO computes at once when calls wait. 0: as many as were measured to pay; 1: one
    # after the other.
    streams: int = 0
    # Whether OpenVINO compiles a model for one row beside the one for any number of rows: "auto" where it is measured
    # to be faster, "always" where rows are independent, or "never".
    one_row: Literal["auto", "always", "never"] = "auto"
    # What `lightship tune` measured. None: the engine measures by itself.
    figures: Figures | None = None
    # Whether a version is loaded with the setting that `lightship tune` has kept for it on this host, if there is one.
    # Other options than the defaults win over it.
    tuned: bool = True

    def __post_init__(self) -> None:
        for option in ("threads", "trial_memory", "tflite_interpreters", "gpu_memory", "streams"):
            value = getattr(self, option)
            if not isinstance(value, Integral) or value < 0:  # TensorFlow would end the process
                raise InvalidArgument(f"{option}={value}: give a whole number, 0 or more")
        for option in ("threads", "tflite_interpreters", "streams"):
            if getattr(self, option) > MAX_THREADS:
                raise InvalidArgument(f"{option}={getattr(self, option)}: give a number up to {MAX_THREADS}")
        if not self.trial_seconds > 0:
            raise InvalidArgument(f"trial_seconds={self.trial_seconds:g}: give a number that is more than 0")
        if self.one_row not in _ONE_ROW:
            raise InvalidArgument(f"one_row={self.one_row!r}: give one of {', '.join(_ONE_ROW)}")
        for option in ("verify_with", "cache_dir"):
            if isinstance(getattr(self, option), str):
                object.__setattr__(self, option, Path(getattr(self, option)))


@dataclass(frozen=True, slots=True)
class Joining:
    """How calls of a signature may be joined to one run: its rows are independent."""

    # The seconds of one run by the number of rows, measured on this machine: 1, 2, 4, 8, ... Empty until measured. Few
    # rows may be run on one thread, and more on all.
    costs: Mapping[int, float]
    # How many runs the engine computes at once when calls wait. The costs are those of one while all others go on.
    streams: int = 1


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """How one signature is run. `inspect`, `status` and the logs show it."""

    # The name of the signature.
    signature: str
    # "openvino" (what runs in Python in front of it included), "lightship" if all runs in Python, "tensorflow" or the
    # name of a backend; "" if the signature was not needed yet or no installed runtime can run it.
    engine: str
    # Why this engine was chosen: "every operation is proven", or what OpenVINO cannot run, such as "Unique is not
    # proven".
    reason: str
    # How the results were checked: "golden sample", "compared with TensorFlow" or "table only". "" for TensorFlow.
    proof: str = ""


DEFAULT_OPTIONS = EngineOptions()


NO_OPENVINO = (
    "OpenVINO is not installed; it has packages for Linux, for Windows on x86-64 and for Macs with Apple silicon "
    "(docs/reference/platforms.md)"
)


class CannotRun(Exception):
    """A runtime cannot run a signature, or cannot run it with these values.

    `reason` names the operation, type or value. `operation` is the TensorFlow operation that the user may allow, if
    there is one.
    """

    def __init__(self, reason: str, operation: str = "") -> None:
        super().__init__(reason)
        self.reason, self.operation = reason, operation


class Refused(CannotRun):
    """A runtime refused a request that another runtime may be able to answer.

    `error` is the client's error if no other runtime is installed. `lasting` means that, once another runtime has
    answered the request, it should answer later requests too. `doubtful` means that another runtime may well accept the
    request.
    """

    def __init__(self, error: InvalidArgument, *, lasting: bool = False, doubtful: bool = False) -> None:
        super().__init__(error.message)
        self.error, self.lasting, self.doubtful = error, lasting, doubtful


def check_inputs(signature: Signature, inputs: Arrays) -> None:
    """Checks the arrays of a request.

    Raises InvalidArgument if a name is missing or unknown, if an array's dtype differs from the one that the graph
    takes, or if an array has more than `MAX_DIMENSIONS` dimensions.
    """
    if inputs.keys() != signature.inputs.keys():
        raise input_size_error(signature, inputs)
    for position, (name, spec) in enumerate(signature.inputs.items()):
        array = inputs[name]
        if array.dtype != spec.taken.numpy:
            sent = _label(array)
            error = InvalidArgument(f"Expects arg[{position}] to be {spec.taken.label} but {sent} is provided")
            raise error.about(WrongDtype(name, spec.taken.label, sent))
        if array.ndim > MAX_DIMENSIONS:
            raise InvalidArgument(f'input "{name}" has {array.ndim} dimensions; the limit is {MAX_DIMENSIONS}')


def as_declared(signature: Signature, inputs: Arrays) -> bool:
    """Returns whether the arrays have the shapes that the signature declares."""
    pairs = ((spec.shape, inputs[name].shape) for name, spec in signature.inputs.items())
    return all(declared is not None and _fits(shape, declared) for declared, shape in pairs)


def unexpected_shapes(signature: Signature, inputs: Arrays) -> str:
    """Says which arrays have another shape than the signature declares, and which it is; "" if all are as declared."""
    return "; ".join(
        f'input "{name}" has shape {declared_shape(inputs[name].shape)}, but {declared_shape(spec.shape)} is expected'
        for name, spec in signature.inputs.items()
        if spec.shape is not None and not _fits(inputs[name].shape, spec.shape)
    )


def _fits(shape: Sequence[int], declared: Sequence[int]) -> bool:
    return len(declared) == len(shape) and all(size in (-1, found) for size, found in zip(declared, shape, strict=True))


def input_size_error(signature: Signature, inputs: Arrays) -> InvalidArgument:
    """Returns an error that lists the extra and the missing input names."""
    extra, missing = inputs.keys() - signature.inputs.keys(), signature.inputs.keys() - inputs.keys()
    error = InvalidArgument(
        f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
        f"len({_set_text(inputs)}) != len({_set_text(signature.inputs)}). "
        f"Sent extra: {_set_text(extra)}. Missing but required: {_set_text(missing)}."
    )
    return error.about(MissingName("input", min(extra), tuple(signature.inputs))) if extra else error


def check_outputs(signature: Signature, outputs: Sequence[str] | None) -> Sequence[str]:
    """Returns the names of the requested outputs, or all names if none are requested.

    Raises InvalidArgument for a name that the signature does not have and for a name that is requested twice.
    """
    if not outputs:
        return tuple(signature.outputs)
    for index, name in enumerate(outputs):
        if name not in signature.outputs:
            error = InvalidArgument(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {_set_text(signature.outputs)}."
            )
            raise error.about(MissingName("output", name, tuple(signature.outputs)))
        if name in outputs[:index]:
            raise InvalidArgument(f"duplicate output tensor alias: {name}")
    return outputs


def describe(arrays: Arrays) -> str:
    """Describes the arrays for an error message, as in: input "x" of shape [3,2]."""
    shapes = (f'input "{name}" of shape [{",".join(map(str, array.shape))}]' for name, array in arrays.items())
    return ", ".join(shapes)


def fits_int32(array: NDArray[Any]) -> bool:
    return not array.size or bool(array.min() >= _INT32.min and array.max() <= _INT32.max)


def _set_text(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"


def _label(array: NDArray[Any]) -> str:
    return DataType.of(array.dtype).label
