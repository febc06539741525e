"""Runs a signature on arrays of other shapes than the declared ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from numpy.typing import NDArray

from lightship.engines.base import CannotRun, Refused, describe, unexpected_shapes
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.runtime import explain
from lightship.engines.openvino.shapes import Declared, Shape, Shapes, reshaped
from lightship.engines.trial import retry_time
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.signatures import Signature
from lightship.saved_model.versions import model_files

# Each compiled variant holds its own copy of the weights.
MAX_VARIANTS = 4
# The most combinations of shapes that are remembered. Each costs a few hundred bytes.
MAX_SHAPES = 1024

_Key = tuple[tuple[str, Shape], ...]
# Compiles the signature for the first shapes, which may have free dimensions, and runs it once on the second shapes,
# which are all known.
Make = Callable[[Shapes, Shapes], Compiled]


@dataclass(frozen=True, slots=True)
class _Refused:
    message: str

    def run(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        raise Refused(InvalidArgument(self.message), doubtful=True)

    try_run = run


@dataclass(frozen=True, slots=True)
class _Unable:
    reason: str
    until: float  # by `time.monotonic`; then it is tried again

    def run(self, arrays: Mapping[str, NDArray[Any]], outputs: Sequence[str]) -> dict[str, NDArray[Any]]:
        raise CannotRun(self.reason)

    try_run = run


_Runner = Compiled | _Refused | _Unable


class Variants:
    """Compiles variants of a signature when they are needed, and keeps the most recently used ones.

    TensorFlow Serving accepts a tensor of any shape and leaves checks to the operations, and clients rely on this.
    Here, the exact shapes are first tried on the uncompiled model (2 ms for a MobileNetV2), which finds shapes that an
    operation cannot take. Then a variant runs whose free dimensions stay free, so that another number of rows needs no
    new variant.
    """

    def __init__(
        self, folder: Path, signature: Signature, declared: Declared, declared_model: Compiled | None, make: Make
    ) -> None:
        self._folder, self._signature, self._declared = folder, signature, declared
        self._declared_model, self._make = declared_model, make
        self._stamp = file_stamp(folder)
        self._lock = Lock()
        self._model: Any = None
        self._runners: dict[_Key, _Runner] = {}
        self._variants: dict[_Key, Compiled] = {}

    def run(
        self, shapes: Shapes, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]]:
        """Runs the signature on inputs of these shapes.

        Raises Refused with the reason if an operation does not accept the shapes. Raises CannotRun if OpenVINO is not
        safe for these shapes.
        """
        key = tuple(shapes.items())
        runner = self._known(key)
        if runner is None:
            with self._lock:
                runner = self._known(key) or self._remember(key, self._find(shapes, inputs))
        return runner.run(inputs, outputs)

    def try_run(
        self, shapes: Shapes, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str]
    ) -> dict[str, NDArray[Any]] | None:
        """Runs like `run`, but never waits.

        Returns None for shapes that were not tried yet or if it had to wait for a run.
        """
        runner = self._known(tuple(shapes.items()))
        return None if runner is None else runner.try_run(inputs, outputs)

    def knows(self, shapes: Shapes) -> bool:
        """Returns whether `run` compiles nothing for these shapes, and does not wait while others are compiled.

        It does not say whether the operations take the shapes.
        """
        if self._known(tuple(shapes.items())) is not None:
            return True
        if self._lock.locked():  # what is not known is looked for with the lock
            return False
        general = self._declared.generalised(shapes)
        if general == self._declared.shapes:
            return self._declared_model is not None
        return tuple(general.items()) in self._variants

    def close(self) -> None:
        with self._lock:
            self._runners.clear()
            self._variants.clear()
            self._model = self._declared_model = None

    def _known(self, key: _Key) -> _Runner | None:
        runner = self._runners.get(key)
        return None if isinstance(runner, _Unable) and time.monotonic() >= runner.until else runner

    def _remember(self, key: _Key, runner: _Runner) -> _Runner:
        while len(self._runners) >= MAX_SHAPES:
            del self._runners[next(iter(self._runners))]
        self._runners[key] = runner
        return runner

    def _find(self, shapes: Shapes, inputs: Mapping[str, NDArray[Any]]) -> _Runner:
        # The analysis is imported here, because few servers need it: their clients send the declared shapes.
        from lightship.engines.openvino.guarding import refused_shapes
        from lightship.engines.openvino.lost_checks import other_shapes
        from lightship.engines.openvino.reading import input_ports

        model = self._read()
        ports = input_ports(model, self._signature)
        try:
            exact = reshaped(model, ports, shapes)
        except RuntimeError as error:
            return _Refused(self._refusal(inputs, explain(error)))
        reason = refused_shapes(exact) or other_shapes(model, exact, self._folder, self._signature)
        if reason is not None:
            return _Refused(self._refusal(inputs, reason))
        try:
            return self._variant(shapes)
        except CannotRun as unable:
            return _Unable(unable.reason, retry_time(unable))

    def _refusal(self, inputs: Mapping[str, NDArray[Any]], reason: str) -> str:
        what = unexpected_shapes(self._signature, inputs)
        return f"{what} ({reason})" if what else f"{describe(inputs)} cannot be computed: {reason}"

    def _variant(self, shapes: Shapes) -> Compiled:
        general = self._declared.generalised(shapes)
        if general == self._declared.shapes and self._declared_model is not None:
            return self._declared_model
        key = tuple(general.items())
        variant = self._variants.pop(key, None)
        if variant is None:
            self._make_room()
            try:
                variant = self._make(general, shapes)
            except CannotRun:
                variant = self._make(shapes, shapes)
                key = tuple(shapes.items())
        self._variants[key] = variant
        return variant

    def _make_room(self) -> None:
        while len(self._variants) >= MAX_VARIANTS:
            oldest = min(self._variants, key=lambda key: self._variants[key].last_used)
            gone = self._variants.pop(oldest)
            self._runners = {key: runner for key, runner in self._runners.items() if runner is not gone}

    def _read(self) -> Any:
        """Returns the uncompiled model. It is read when it is first needed, because most servables never need it."""
        if self._model is None:
            from lightship.engines.openvino.reading import read_signature

            if file_stamp(self._folder) != self._stamp:
                raise FailedPrecondition(
                    f"the files in {self._folder} were changed after this version was loaded, so shapes other than "
                    "the declared ones cannot be computed: restore the files, or export a new version"
                )
            self._model = read_signature(self._folder, self._signature)
        return self._model


def file_stamp(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Returns what changes if the files of a version are changed."""
    stats = ((file.name, file.stat()) for file in model_files(folder))
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
