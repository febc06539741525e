"""A compiled model and its infer requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Lock, Timer
from time import monotonic
from typing import Any

from numpy.typing import NDArray

from lightship.engines.base import Refused, describe
from lightship.engines.openvino.guard_set import GuardSet
from lightship.engines.openvino.runtime import explain
from lightship.errors import InvalidArgument
from lightship.memory import release_freed_memory
from lightship.pauses import PAUSES
from lightship.processors import available_cpus
from lightship.semaphore import Semaphore
from lightship.threads import start_timer

Shape = tuple[int, ...]

# After a run with more bytes of input than this, the memory that the run left allocated (180 MB for 32 rows of a
# MobileNetV2) is released once no such run has come for `SHRINK_SECONDS`. Releasing it at once would make a client that
# sends large batches one after the other 10 % slower.
LARGE_BYTES = 4 << 20
SHRINK_SECONDS = 2.0

NO_GUARDS = GuardSet()


class Compiled:
    """Runs a compiled model on arrays of the shapes that it was compiled for. Any thread may call its methods.

    An infer request serves one call at a time, so there is a pool of infer requests, which are created when needed. The
    pool has one infer request per stream, and one more, so that its inputs can be filled while the others compute.
    """

    def __init__(
        self, compiled: Any, inputs: Mapping[str, int], outputs: Mapping[str, int], guards: GuardSet = NO_GUARDS
    ) -> None:
        self._compiled = compiled
        self._guards = guards.checks()
        self.outputs = tuple(outputs)
        self._inputs = tuple(inputs.items())
        self._outputs = dict(outputs)
        self._fixed = [port for port in outputs.values() if compiled.outputs[port].partial_shape.is_static]
        self._idle: deque[_Request] = deque()
        self.last_used = monotonic()
        self._last_large = 0.0
        self._timer: Timer | None = None
        self._timer_lock = Lock()
        self._runs = Semaphore(1 + int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")))
        # A run on few processors leaves the others to work in the background. Half of them may be all cores.
        uses_most = 2 * self.threads >= available_cpus()
        self._pausing: AbstractContextManager[None] = PAUSES if uses_most else nullcontext()
        # Is called when a run has to wait for others.
        self.when_crowded: Callable[[], None] = _nothing

    @property
    def threads(self) -> int:
        """The number of threads of all streams together."""
        return max(1, int(self._compiled.get_property("INFERENCE_NUM_THREADS")))

    @property
    def streams(self) -> int:
        """The number of runs that are computed at once."""
        return max(1, int(self._compiled.get_property("NUM_STREAMS")))

    def run(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the model on `arrays` and returns copies of the outputs that `outputs` names.

        Raises Refused with OpenVINO's reason, and the errors of the guards, which check the values of tensors.
        """
        self._guards.before(arrays)
        if not self._runs.acquire(0):
            self.when_crowded()
            self._runs.acquire()
        with self._pausing:
            return self._run_acquired(arrays, outputs)

    def try_run(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Runs like `run`, but returns None instead of waiting for other runs.

        The run is short, so nothing pauses for it: to stop helper processes by signals would take longer than the run.
        """
        self._guards.before(arrays)
        return self._run_acquired(arrays, outputs) if self._runs.acquire(0) else None

    def _run_acquired(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the model, then releases the semaphore, which the caller has acquired."""
        try:
            request = self._take()
            # A request that failed is not reused: only some of its tensors may have their new shapes.
            results = self._run(request, arrays, outputs)
            self._idle.append(request)
        finally:
            self._runs.release()
        self.last_used = monotonic()
        if request.nbytes > LARGE_BYTES:
            self._last_large = self.last_used
            self._shrink_later()
        return results

    def _take(self) -> _Request:
        try:
            return self._idle.pop()
        except IndexError:
            return _Request(self._compiled.create_infer_request(), len(self._inputs), self._fixed)

    def _shrink_later(self) -> None:
        with self._timer_lock:
            if self._timer is None:
                self._timer = start_timer(SHRINK_SECONDS, self._shrink)

    def _shrink(self) -> None:
        with self._timer_lock:
            self._timer = None
        if monotonic() - self._last_large < SHRINK_SECONDS:
            self._shrink_later()
            return
        self._idle.clear()
        try:
            self._compiled.release_memory()
        except RuntimeError:  # the model is running
            self._shrink_later()
        release_freed_memory()

    def _run(
        self, request: _Request, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        try:
            for name, port in self._inputs:
                request.fill(port, arrays[name])
            request.infer()
        except RuntimeError as error:
            text = f"{describe(arrays)} cannot be computed: {explain(error)}"
            raise Refused(InvalidArgument(text), lasting=True) from error
        self._guards.after(request.view)
        return {name: request.result(self._outputs[name]) for name in outputs}


def _nothing() -> None: ...


class _Request:
    """An infer request with cached views of its tensors.

    A view of an input tensor stays valid while the tensor's shape does not change. The output tensors on the ports
    `fixed` are cached too, because their shapes never change.
    """

    __slots__ = ("_fixed", "_request", "_shapes", "_tensors", "_views", "nbytes")

    def __init__(self, request: Any, inputs: int, fixed: Sequence[int]) -> None:
        self._request = request
        self._shapes: list[Shape | None] = [None] * inputs
        self._tensors = [request.get_input_tensor(port) for port in range(inputs)]
        self._views: list[Any] = [None] * inputs
        self._fixed = {port: request.get_output_tensor(port) for port in fixed}
        self.nbytes = 0

    def fill(self, port: int, array: NDArray[Any]) -> None:
        if self._shapes[port] != array.shape:
            tensor = self._tensors[port]
            if tuple(tensor.shape) != array.shape:
                tensor.shape = array.shape
            self._views[port] = tensor.data
            self.nbytes = sum(view.nbytes for view in self._views if view is not None)
            self._shapes[port] = array.shape
        self._views[port][...] = array

    def infer(self) -> None:
        self._request.infer(None, share_inputs=True, share_outputs=True)

    def view(self, port: int) -> NDArray[Any]:
        """Returns a view of an output, which is valid until the next run."""
        tensor = self._fixed.get(port) or self._request.get_output_tensor(port)
        data: NDArray[Any] = tensor.data
        return data

    def result(self, port: int) -> NDArray[Any]:
        return self.view(port).copy()
