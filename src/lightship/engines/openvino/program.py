"""Runs one signature of a SavedModel that OpenVINO compiled for this machine's CPU."""

from __future__ import annotations

import atexit
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from lightship.engines.base import SHORT_SECONDS, CannotRun, EngineOptions, Joining, fits_int32
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, ONE_ROW, Description
from lightship.engines.openvino.measured import Measured
from lightship.engines.openvino.shapes import Shape, Shapes
from lightship.engines.openvino.streams import Streams
from lightship.engines.openvino.variants import Variants
from lightship.errors import LightshipError
from lightship.memory import release_freed_memory
from lightship.saved_model.signatures import Signature
from lightship.tensors.dtypes import DataType

logger = logging.getLogger(__name__)

_MAX_KNOWN = 256  # the most combinations of shapes whose compiled model and run time are remembered


class Compiler(Protocol):
    """Compiles a signature, either in this process or in a helper process whose results are imported."""

    def signature(self) -> tuple[Description, Mapping[str, Compiled]]:
        """Compiles the signature for its declared shapes.

        Raises CannotRun if OpenVINO must not run it, and DataLoss for files that OpenVINO cannot read.
        """

    def copies(self, names: Iterable[str], *, streams: int = 1, threads: int = 0) -> Mapping[str, Compiled]:
        """Returns further copies of the models of these names, each of which computes `streams` runs at once.

        `threads` is the number of threads of each copy; 0 for the default. Raises the same errors as `signature`.
        """

    def digest(self) -> str:
        """Returns the digest of the version's files that belongs to what `signature` returned."""

    def variant(self, shapes: Shapes, sample: Shapes) -> Compiled:
        """Compiles the signature for other shapes and runs it once on zeros of the shapes `sample`.

        Raises the same errors as `signature`.
        """


def in_process(folder: Path, signature: Signature, options: EngineOptions) -> Compiler:
    """Returns a compiler in this process. It is imported here, because most servers import what a helper compiled."""
    from lightship.engines.openvino.in_process import InProcess

    return InProcess(folder, signature, options)


class OpenVINOProgram:
    """Runs one signature.

    The model is compiled for its declared shapes. If rows are independent and a model for one row is faster, that model
    is compiled too. `Variants` answers arrays of other shapes, because only the operations decide which shapes they
    accept.
    """

    def __init__(
        self, folder: Path, signature: Signature, options: EngineOptions, compiler: Compiler | None = None
    ) -> None:
        """Compiles the signature with `compiler`, which is by default a compiler in this process.

        Raises CannotRun for operations that OpenVINO lacks or would compute differently from TensorFlow, and DataLoss
        if the SavedModel's files cannot be read.
        """
        compiler = compiler or in_process(folder, signature, options)
        self.precision = options.precision
        self.description, models = compiler.signature()
        self._inputs = self.description.inputs
        self._outputs = signature.outputs
        self._declared = self.description.declared
        self._declared_model, self._one_row_model = models.get(DECLARED), models.get(ONE_ROW)
        self._variants = Variants(folder, signature, self._declared, self._declared_model, compiler.variant)
        self._known: dict[tuple[Shape, ...], Compiled] = {}
        self._seconds: dict[tuple[Shape, ...], float] = {}
        # The seconds of one run by the number of rows.
        self.costs: Mapping[int, float] = {}
        self._wide = tuple(name for name, spec in signature.inputs.items() if spec.dtype is DataType.DT_INT64)
        self._streams: Streams | None = None
        self._closed = False
        self._copying = Lock()  # held while copies for one thread are made
        self._measured = Measured(folder, signature, options, self.description, compiler.digest)
        copies = partial(_copies, compiler, models)
        self._measured.when_streams = partial(self._use_streams, copies)
        self._measured.when_one_thread = partial(self._use_one_thread, folder, copies)
        # The largest number of rows that is run on one thread, and the copy of each model that has one.
        self._one_thread: tuple[int, Mapping[Compiled, Compiled]] = (0, {})
        for compiled in models.values():
            compiled.when_crowded = self._measured.start
        release_freed_memory()
        self._process = os.getpid()
        _PRESENT[id(self)] = self

    def run(self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Runs the signature on arrays with the signature's names and dtypes.

        Raises InvalidArgument for indices that are out of range, and CannotRun for shapes and values that OpenVINO
        refuses or treats differently from TensorFlow.
        """
        key = tuple([inputs[name].shape for name in self._inputs])
        self._check_wide(inputs)
        # This is the thread's own CPU time. Elapsed time would include the time of other threads.
        start = time.thread_time()
        compiled = self._known.get(key) or self._compiled_for(key)
        if compiled is not None:
            streams = self._streams
            results = compiled.run(inputs, outputs) if streams is None else streams.run(compiled, inputs, outputs)
        else:
            shapes = dict(zip(self._inputs, key, strict=True))
            results = self._of_no_rows(shapes, outputs) or self._variants.run(shapes, inputs, outputs)
        self._note(key, time.thread_time() - start)
        return results

    def try_run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], *, short: bool = False
    ) -> dict[str, NDArray[Any]] | None:
        """Runs like `run`, but never waits.

        Returns None if a run with these shapes is not known to take less than `SHORT_SECONDS`, or if it had to wait for
        other runs. `short`: the caller knows that it takes less.
        """
        key = tuple([inputs[name].shape for name in self._inputs])
        if not short and self._seconds.get(key, math.inf) > SHORT_SECONDS:
            return None
        self._check_wide(inputs)
        start = time.perf_counter()
        compiled = self._known.get(key)
        if compiled is not None:
            results = compiled.try_run(inputs, outputs)
        else:
            shapes = dict(zip(self._inputs, key, strict=True))
            results = self._of_no_rows(shapes, outputs) or self._variants.try_run(shapes, inputs, outputs)
        # A single slow run does not predict the next one, unless it was far too slow.
        if (seconds := time.perf_counter() - start) > 10 * SHORT_SECONDS:
            self._note(key, seconds)
        return results

    def ready(self, inputs: Mapping[str, NDArray[Any]]) -> bool:
        """Returns whether `run` compiles nothing for these inputs, which may be wrong ones."""
        if not all(name in inputs for name in self._inputs):
            return True
        key = tuple([inputs[name].shape for name in self._inputs])
        if key in self._known or self._compiled_for(key) is not None:
            return True
        shapes = dict(zip(self._inputs, key, strict=True))
        return self._variants.knows(shapes) or self._of_no_rows(shapes, ()) is not None

    def joining(self) -> Joining | None:
        """Returns how calls may be joined to one run, or None if rows are not known to be independent.

        The first call starts to measure, in the background, what runs cost.
        """
        if not self.description.joinable:
            return None
        self._measured.start()
        return self._measured.joining

    def _use_streams(self, make: Callable[..., Mapping[Compiled, Compiled]], streams: int, least: int) -> None:
        before, self._streams = self._streams, Streams(partial(make, streams=streams), least) if streams > 1 else None
        if before is not None:  # of a measurement that was disturbed
            before.close()

    def _use_one_thread(self, folder: Path, make: Callable[..., Mapping[Compiled, Compiled]], rows: int) -> int:
        """Lets up to so many rows be run on one thread. Returns up to how many are."""
        with self._copying:
            if self._closed:
                return 0
            copies = self._one_thread[1]
            if rows and not copies:
                try:
                    copies = make(threads=1)
                except (CannotRun, LightshipError) as error:  # not tried again
                    if not self._closed:
                        logger.info("short runs stay on all threads: %s", error, extra={"folder": str(folder)})
                    rows = 0
            self._one_thread = (rows, copies) if rows else (0, {})
            self._known = {}  # a new one, so that what a thread is about to remember is forgotten too
            return rows

    def _check_wide(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        for name in self._wide:
            if not fits_int32(inputs[name]):
                raise CannotRun(f'OpenVINO computes with int32, which cannot hold all values of input "{name}"')

    def _of_no_rows(self, shapes: Shapes, outputs: Sequence[str]) -> dict[str, NDArray[Any]] | None:
        """Returns outputs of 0 rows for inputs of 0 rows, if rows are independent; None for any other input."""
        rows = self.description.row_shapes
        if rows is None or self._declared.rows_of(shapes) != 0:
            return None
        types = {name: self._outputs[name].dtype.numpy for name in outputs}
        return {name: np.empty((0, *rows[name][1:]), dtype) for name, dtype in types.items()}

    def _note(self, key: tuple[Shape, ...], seconds: float) -> None:
        """Remembers how long a run with these shapes takes."""
        if len(self._seconds) >= _MAX_KNOWN:
            self._seconds.clear()
        self._seconds[key] = seconds

    def _compiled_for(self, key: tuple[Shape, ...]) -> Compiled | None:
        """Returns the compiled model for these shapes and remembers it; None if they are not the declared shapes."""
        known = self._known
        shapes: Shapes = dict(zip(self._inputs, key, strict=True))
        rows = self._declared.rows_of(shapes) if self.description.rows_free else None
        if not rows or self._declared_model is None:
            return None
        if len(known) >= _MAX_KNOWN:
            known.clear()
        compiled = self._one_row_model if rows == 1 and self._one_row_model is not None else self._declared_model
        most, copies = self._one_thread
        if rows <= most:
            compiled = copies.get(compiled, compiled)
        known[key] = compiled
        return compiled

    def close(self) -> None:
        self._stop_copying()
        self._variants.close()
        self._known.clear()
        self._declared_model = self._one_row_model = None
        release_freed_memory()

    def stop_at_exit(self) -> None:
        """Waits for what OpenVINO does on threads of this program, if they are of this process, and starts no more."""
        if self._process == os.getpid():  # a process that was forked lacks the threads, but has their locks
            self._stop_copying()

    def _stop_copying(self) -> None:
        self._closed = True
        self._measured.close()
        with self._copying:  # a process must not end while OpenVINO imports a model on a thread
            self._one_thread = 0, {}
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.close()


_PRESENT: WeakValueDictionary[int, OpenVINOProgram] = WeakValueDictionary()


@atexit.register
def _stop_present() -> None:
    """Stops the threads of programs that nobody has closed. Python aborts if it ends while they are in OpenVINO."""
    for reference in _PRESENT.valuerefs():
        program = reference()
        if program is not None:
            program.stop_at_exit()


def _copies(
    compiler: Compiler, models: Mapping[str, Compiled], *, streams: int = 1, threads: int = 0
) -> Mapping[Compiled, Compiled]:
    """Returns a copy of each model; see `Compiler.copies`."""
    made = compiler.copies(tuple(models), streams=streams, threads=threads)
    return {models[name]: copy for name, copy in made.items()}
