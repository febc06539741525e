"""The replicas of a model, one on each device, and who gets the next call."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import Refused, describe
from lightship.engines.onnxruntime.sessions import error_text
from lightship.errors import Internal, InvalidArgument, LightshipError, ResourceExhausted
from lightship.memory import release_freed_memory
from lightship.pauses import PAUSES
from lightship.semaphore import Semaphore
from lightship.threads import start_timer

Arrays = Mapping[str, NDArray[Any]]

CPU = "the CPU"  # the name of a device
# Runs of one replica at a time: while one computes, the inputs of the next are copied to its device.
_RUNS = 2
# After a run with more bytes of input than this, what it left allocated is given back once no such run has come for
# `SHRINK_SECONDS`.
LARGE_BYTES = 4 << 20
SHRINK_SECONDS = 2.0

_NO_MEMORY = ("Failed to allocate memory", "out of memory", "CUDA failure 2:", "bad allocation")
# After such an error, every further run on the device fails.
_DEVICE_LOST = ("CUDA failure", "CUDNN failure", "CUBLAS failure")


class Replica:
    """A model on one device. Any thread may call its methods."""

    def __init__(self, session: Any, run_options: Any, device: str) -> None:
        """`run_options` are those of a run after which memory is given back."""
        self._session, self._shrinking, self.device = session, run_options, device
        self._pausing: AbstractContextManager[None] = PAUSES if device == CPU else nullcontext()
        self._runs = Semaphore(_RUNS)
        self._last_large = 0.0
        self._sample: Arrays = {}
        self._timer: threading.Timer | None = None
        self._closed = False
        self._lock = threading.Lock()
        self.busy = 0  # runs that have been given to it; `Replicas` counts them

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Runs the model. Raises the errors of `_error`."""
        self._runs.acquire()
        with self._pausing:
            return self._run_acquired(inputs, outputs)

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]] | None:
        """Runs like `run`, but returns None instead of waiting for other runs."""
        return self._run_acquired(inputs, outputs) if self._runs.acquire(0) else None

    def close(self) -> None:
        """Releases the session. No run goes on."""
        with self._lock:
            self._closed, timer = True, self._timer
        if timer is not None:
            timer.cancel()
        self._session = None

    def _run_acquired(self, inputs: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        try:
            results: list[NDArray[Any]] = self._session.run(outputs, inputs)
        except Exception as error:  # onnxruntime has a dozen classes of errors, without a common one
            raise _error(error, inputs, self.device) from error
        finally:
            self._runs.release()
        if sum(array.nbytes for array in inputs.values()) > LARGE_BYTES:
            self._note_large(inputs)
        return results

    def _note_large(self, inputs: Arrays) -> None:
        self._last_large = monotonic()
        if not self._sample:
            self._sample = {name: np.zeros((1, *array.shape[1:]), array.dtype) for name, array in inputs.items()}
        self._shrink_later()

    def _shrink_later(self) -> None:
        with self._lock:
            if self._timer is None and not self._closed:
                self._timer = start_timer(SHRINK_SECONDS, self._shrink)

    def _shrink(self) -> None:
        """Gives back memory that no run uses: onnxruntime does so at the end of a run, here one of a single row."""
        with self._lock:
            self._timer, session = None, self._session
            if self._closed:
                return
        if monotonic() - self._last_large < SHRINK_SECONDS or not self._runs.acquire(0):
            self._shrink_later()
            return
        try:
            session.run(None, self._sample, self._shrinking)
        except Exception:  # zeros are a guess; the next large run tries again
            pass
        finally:
            self._runs.release()
        release_freed_memory()


class Replicas:
    """Gives each call to the replica that has the fewest. Any thread may call its methods."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = list(replicas)
        self._lock = threading.Lock()

    def run(self, inputs: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Runs the model. Raises the errors of `Replica.run`."""
        chosen = self._taken()
        try:
            return chosen.run(inputs, outputs)
        finally:
            self._give_back(chosen)

    def try_run(self, inputs: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]] | None:
        """Runs like `run`, but returns None instead of waiting for other runs."""
        chosen = self._taken()
        try:
            return chosen.try_run(inputs, outputs)
        finally:
            self._give_back(chosen)

    def close(self) -> None:
        for replica in self._replicas:
            replica.close()

    def _taken(self) -> Replica:
        with self._lock:
            chosen = min(self._replicas, key=_busy)
            chosen.busy += 1
            # Of replicas with as many calls, the one that was chosen longest ago is next.
            self._replicas.remove(chosen)
            self._replicas.append(chosen)
            return chosen

    def _give_back(self, replica: Replica) -> None:
        with self._lock:
            replica.busy -= 1


def _busy(replica: Replica) -> int:
    return replica.busy


def _error(error: Exception, inputs: Arrays, device: str) -> LightshipError | Refused:
    """Returns what a failed run raises.

    ResourceExhausted if memory did not suffice, Internal if the device failed, and Refused for inputs that the
    operations do not accept, which TensorFlow may answer or say more about.
    """
    text = error_text(error)
    if any(sign in text for sign in _NO_MEMORY):
        return ResourceExhausted(
            f"{describe(inputs)} needs more memory than there is on {device}: send fewer rows at a time, or allow more "
            f"with --gpu-memory ({text})"
        )
    if any(sign in text for sign in _DEVICE_LOST):
        return Internal(f"{device} failed: {text}")
    return Refused(InvalidArgument(f"{describe(inputs)} cannot be computed: {text}"), doubtful=True)
