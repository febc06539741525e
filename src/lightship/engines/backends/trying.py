"""The work of a helper process for one signature on a backend: opens it, runs it, compares it, measures it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.engines.against_golden import golden_of, try_golden
from lightship.engines.against_tensorflow import COMPARED, GOLDEN, TABLE_ONLY, Reference, Run, compared_with_tensorflow
from lightship.engines.backends.registry import load_backend
from lightship.engines.backends.request import options_of
from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.comparison import FREE_SIZES, random_inputs, tolerance
from lightship.engines.rows import ROWS, RowTrial, accepted_sample, row_samples
from lightship.engines.timing import CannotMeasure, Stopwatch, costs_of_rows, notice_stops
from lightship.errors import LightshipError
from lightship.processors import available_cpus
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature
from lightship.saved_model.version_model import read_model
from lightship.saved_model.versions import SAVED_MODEL_FILE, has_saved_model

Arrays = Mapping[str, NDArray[Any]]

# The limits of measuring what runs cost: processor time and elapsed time. A version waits for it, once.
_CPU_SECONDS, _ELAPSED_SECONDS = 1.0, 3.0
_REFERENCE = Reference(in_helper=True)  # for all signatures that this helper process tries


def work(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Tries a signature on a backend. Writes nothing to `out`.

    Returns how its answers were checked as "proof"; whether calls may be joined as "joinable"; and what runs of several
    rows cost as "costs", a list of pairs of a number of rows and seconds. If the backend cannot run the signature,
    returns the reason as "cannot_run" instead. Raises the errors of `Backend.open`.
    """
    folder, options = Path(request["folder"]), options_of(request)
    model = read_model(folder, request["tags"], prefer_tflite=options.prefer_tflite)
    signature = model.signatures[request["signature"]]
    try:
        runtime = load_backend(options.engine).open(folder, model, options)
        with closing(runtime), closing(runtime.program(signature)) as program:
            names = tuple(signature.outputs)
            trial = _Trial(options, folder, model, signature, lambda inputs: program.run(inputs, names))
            return trial.results(compare=request["compare"])
    except CannotRun as unable:
        return {"cannot_run": unable.reason}


class _Trial:
    """One signature, which a backend has opened."""

    def __init__(
        self,
        options: EngineOptions,
        folder: Path,
        model: SavedModel,
        signature: Signature,
        run: Callable[[Arrays], Mapping[str, NDArray[Any]]],
    ) -> None:
        self._options, self._folder, self._model, self._signature = options, folder, model, signature
        self._run = run
        self._apart = tolerance(options.precision)
        self._golden = golden_of(folder, model, signature)

    def results(self, *, compare: bool) -> dict[str, Any]:
        proof = self._proof(compare=compare)
        joinable = self._joinable()
        return {"proof": proof, "joinable": joinable, "costs": self._costs() if joinable else []}

    def _proof(self, *, compare: bool) -> str:
        """Checks the answers and returns how they were checked. Raises CannotRun if they differ from TensorFlow's."""
        if self._golden is not None:
            try_golden(self._options.engine, self._signature, self._runs, self._golden, self._apart)
            return GOLDEN
        if not compare or self._model.file != SAVED_MODEL_FILE or not has_saved_model(self._folder):
            return TABLE_ONLY
        compared = compared_with_tensorflow(
            self._options.engine,
            self._runs,
            self._folder,
            self._model,
            self._signature,
            self._options,
            self._apart,
            _REFERENCE,
        )
        return COMPARED if compared else TABLE_ONLY

    def _runs(self, _: Arrays) -> Sequence[Run]:
        """Returns what would answer these inputs."""
        return [self._run]

    def _joinable(self) -> bool:
        """Whether rows that are run together give what each gives alone."""
        signature = self._signature
        if not all(spec.shape and spec.shape[0] == -1 for spec in signature.inputs.values()):
            return False
        guess = random_inputs(signature, ROWS, np.random.default_rng(2))
        if guess is None:
            return False
        golden = None if self._golden is None else self._golden.inputs
        trial = RowTrial(self._run, signature.outputs, self._apart)
        return trial.passes(row_samples(signature, guess, golden, FREE_SIZES[0]), proven=False)

    def _costs(self) -> list[tuple[int, float]]:
        sample = accepted_sample(self._run, self._signature)
        if sample is None:
            return []

        def run(rows: int) -> None:
            try:
                self._run({name: array[np.arange(rows) % len(array)] for name, array in sample.items()})
            except (CannotRun, LightshipError) as error:
                raise CannotMeasure(str(error)) from error

        notice_stops()
        stopwatch = Stopwatch(self._options.threads or available_cpus(), _CPU_SECONDS, _ELAPSED_SECONDS)
        return list(costs_of_rows(run, stopwatch).items())
