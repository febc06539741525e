"""The protocol of engines, and what their options are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.errors import InvalidArgument
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType

Arrays = Mapping[str, NDArray[Any]]

INSTALL_TENSORFLOW = "pip install 'lightship[tensorflow]'"

# A run that is known to take no longer may block an event loop: handing it to a thread and back takes half of it.
SHORT_SECONDS = 0.0003

# Given texts in an array of more, TensorFlow ends the process, and OpenVINO compiles nothing for more.
MOST_DIMENSIONS = 32

_INT32 = np.iinfo(np.int32)


class Engine(Protocol):
    """Runs the signatures of one version folder."""

    @property
    def name(self) -> str:
        """Which runtime answers: "openvino" or "tensorflow"; both, joined by "+", where signatures differ."""

    def run(self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
        """Runs a signature on one array for each of its inputs and returns the outputs asked for, all by default.

        Arrays have the signature's dtypes (strings: object arrays of bytes); their shapes need not be the declared
        ones where the operations can take them. What is returned is the caller's own. Any thread may call.
        Raises InvalidArgument for what the operations cannot take, FailedPrecondition where no runtime installed
        can run the signature.
        """

    def try_run(
        self, signature: str, inputs: Arrays, outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]] | None:
        """Runs like `run` if that is known to take less than `SHORT_SECONDS`, waits for nothing and loads nothing.

        Otherwise returns None, and `run` is to be called where waiting is allowed.
        """

    def reports(self) -> tuple[SignatureReport, ...]:
        """What is known of each signature, in the order of their names. Compiles nothing."""

    def engine_of(self, signature: str) -> str:
        """The runtime that runs this signature; it is compiled for that if it was not. Raises as `run` does."""

    def warm_up(self, signature: str, inputs: Arrays) -> None:
        """Runs once, so that the first call of these shapes waits for nothing."""

    def close(self) -> None:
        """Gives back what the engine holds. Nobody may be running it."""


class Program(Protocol):
    """One signature in one runtime, ready to run."""

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]]: ...

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How the signatures of a version are run."""

    engine: Literal["auto", "openvino", "tensorflow"] = "auto"
    # Threads of one run; 0 for one a core.
    threads: int = 0
    # bf16 is faster on chips that have it, and less exact.
    precision: Literal["f32", "bf16"] = "f32"
    # Operations that OpenVINO may run although they are not in the table of proven operations.
    allow_unproven: frozenset[str] = frozenset()
    # Compile in this process at once, without a helper process and without comparing with TensorFlow.
    trust: bool = False
    # Seconds that a helper process may take for one signature.
    trial_seconds: float = 120.0
    # Bytes that a helper process may use; 0 for half of the memory that this process may use.
    trial_memory: int = 0
    # Where compiled models are kept; None for the user's cache folder.
    cache_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class SignatureReport:
    """How one signature is run: for `inspect`, `status` and logs."""

    signature: str
    # "openvino", "tensorflow", or "" where the signature was not needed yet or nothing installed runs it.
    engine: str
    # Why that engine: "every operation is proven", or what OpenVINO cannot do, such as "Unique is not proven".
    reason: str
    # How the answers were checked: "golden sample", "compared with TensorFlow", "table only", or "" on TensorFlow.
    proof: str = ""


DEFAULT_OPTIONS = EngineOptions()


class CannotRun(Exception):
    """A runtime cannot run a signature, or not with these values; `reason` names the operation, type or value.

    operation: of TensorFlow, where it is one that may be allowed.
    """

    def __init__(self, reason: str, operation: str = "") -> None:
        super().__init__(reason)
        self.reason, self.operation = reason, operation


class Refused(CannotRun):
    """A runtime refused a call that another one may answer; `error` is for the client if no other is installed.

    lasting: where another one does answer, it should answer further calls too. doubtful: another one may well answer.
    """

    def __init__(self, error: InvalidArgument, *, lasting: bool = False, doubtful: bool = False) -> None:
        super().__init__(error.message)
        self.error, self.lasting, self.doubtful = error, lasting, doubtful


def check_inputs(signature: Signature, inputs: Arrays) -> None:
    """Raises InvalidArgument where a name is missing or unknown, an array's type is not the one that the graph takes,
    or it has more than `MOST_DIMENSIONS`."""
    if inputs.keys() != signature.inputs.keys():
        raise input_size_error(signature, inputs)
    for position, (name, spec) in enumerate(signature.inputs.items()):
        array = inputs[name]
        if array.dtype != spec.taken.numpy:
            sent = _label(array)
            raise InvalidArgument(f"Expects arg[{position}] to be {spec.taken.label} but {sent} is provided")
        if array.ndim > MOST_DIMENSIONS:
            raise InvalidArgument(
                f'input "{name}" has {array.ndim} dimensions; {MOST_DIMENSIONS} are the most that are taken'
            )


def as_declared(signature: Signature, inputs: Arrays) -> bool:
    """Whether the arrays have the shapes that the signature declares."""
    pairs = ((spec.shape, inputs[name].shape) for name, spec in signature.inputs.items())
    return all(
        declared is not None
        and len(declared) == len(shape)
        and all(size in (-1, found) for size, found in zip(declared, shape, strict=True))
        for declared, shape in pairs
    )


def input_size_error(signature: Signature, inputs: Arrays) -> InvalidArgument:
    """What was sent and what should have been."""
    extra, missing = inputs.keys() - signature.inputs.keys(), signature.inputs.keys() - inputs.keys()
    return InvalidArgument(
        f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
        f"len({_set_text(inputs)}) != len({_set_text(signature.inputs)}). "
        f"Sent extra: {_set_text(extra)}. Missing but required: {_set_text(missing)}."
    )


def check_outputs(signature: Signature, outputs: Sequence[str] | None) -> Sequence[str]:
    """The names asked for, all of them if none are. Raises InvalidArgument for one that the signature does not have,
    and for one asked for twice."""
    if not outputs:
        return tuple(signature.outputs)
    for index, name in enumerate(outputs):
        if name not in signature.outputs:
            raise InvalidArgument(
                f"output tensor alias not found in signature: {name} "
                f"Outputs expected to be in the set {_set_text(signature.outputs)}."
            )
        if name in outputs[:index]:
            raise InvalidArgument(f"duplicate output tensor alias: {name}")
    return outputs


def describe(arrays: Arrays) -> str:
    """The arrays as an error names them: input "x" of shape [3,2]."""
    shapes = (f'input "{name}" of shape [{",".join(map(str, array.shape))}]' for name, array in arrays.items())
    return ", ".join(shapes)


def fits_int32(array: NDArray[Any]) -> bool:
    return not array.size or bool(array.min() >= _INT32.min and array.max() <= _INT32.max)


def _set_text(names: Iterable[str]) -> str:
    return f"{{{','.join(sorted(names))}}}"


def _label(array: NDArray[Any]) -> str:
    return DataType.of(array.dtype).label
