"""Measures what runs of a signature cost, in this process and at once, for `lightship tune`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_type_hints

from numpy.typing import NDArray

from lightship.engines.base import CannotRun, Costs, EngineOptions, Figures
from lightship.engines.openvino.description import DECLARED
from lightship.engines.openvino.measuring import MAX_STREAM_ROWS, Runs
from lightship.engines.openvino.runtime import core
from lightship.engines.openvino.tried import Tried
from lightship.engines.rows import accepted_sample
from lightship.engines.timing import MAX_ROWS, SideBySide, Stopwatch, costs_of_rows
from lightship.engines.trial import trials_for
from lightship.errors import FailedPrecondition
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import Signature

Arrays = Mapping[str, NDArray[Any]]
_FLOATS = ("bf16", "fp16")


class Measurements:
    """Measures one signature with some options. It keeps the compiled models until it is dropped.

    `sample` holds rows to run; None for guessed ones. Raises FailedPrecondition if OpenVINO does not run the signature
    or no input can be guessed, and DataLoss for files that cannot be read.
    """

    def __init__(
        self,
        folder: Path,
        signature: Signature,
        options: EngineOptions,
        digests: Digests | None = None,
        sample: Arrays | None = None,
    ) -> None:
        self._compiler = Tried(folder, signature, options, trials_for(options), digests)
        try:
            self.description, self._models = self._compiler.signature()
        except CannotRun as unable:
            raise FailedPrecondition(unable.reason) from unable
        declared = self._models.get(DECLARED)
        if declared is None:
            raise FailedPrecondition("the model is compiled for each shape when it comes")
        guessed = sample or accepted_sample(partial(declared.run, outputs=declared.outputs), signature)
        if guessed is None:
            raise FailedPrecondition("no input can be guessed that the model accepts")
        self._name, self._sample = signature.name, guessed
        self._most = MAX_ROWS if self.description.joinable else 1
        self._costs: Costs = ()

    def figures(self, streams: int, seconds: float) -> Figures:
        """Measures runs with so many streams, in about so many seconds each of processor time and of elapsed time.

        The engine may compute fewer runs at once than `streams`, where two processors share a core; the result says
        how many. Raises FailedPrecondition if the copies for several streams cannot be made, or if runs fail.
        """
        if not self._costs:
            declared = self._models[DECLARED]
            watch = Stopwatch(declared.threads, seconds * declared.threads, seconds)
            self._costs = _pairs(costs_of_rows(Runs(self._models, self._sample), watch, self._most))
        if not self._costs:
            raise FailedPrecondition("a run of one row fails, so that what runs cost cannot be measured")
        if streams == 1:
            return Figures(self._name, self._costs)
        try:
            copies = self._compiler.copies(tuple(self._models), streams=streams)
        except CannotRun as unable:
            raise FailedPrecondition(unable.reason) from unable
        found = copies[DECLARED].streams
        if found == 1:
            return Figures(self._name, self._costs)
        watch = Stopwatch(copies[DECLARED].threads, seconds * copies[DECLARED].threads, seconds)
        with SideBySide(Runs(copies, self._sample), found) as runs:
            costs = _pairs(costs_of_rows(runs, watch, min(self._most, MAX_STREAM_ROWS)))
        if not costs:
            raise FailedPrecondition("runs side by side fail")
        return Figures(self._name, self._costs, found, costs)


def limited(figures: Figures, rows: int) -> Figures:
    """Returns the figures without those of larger batches than `rows`, so that no larger one is run."""
    one, several = (
        tuple((size, seconds) for size, seconds in costs if size <= rows)
        for costs in (figures.costs, figures.costs_of_streams)
    )
    return Figures(figures.signature, one, figures.streams, several)


def _pairs(costs: Mapping[int, float]) -> Costs:
    return tuple(sorted(costs.items()))


def precisions() -> tuple[str, ...]:
    """Returns the precisions of `EngineOptions` in which this processor computes faster than by emulation.

    f32 is always one. Those that need more than the model itself, such as int8, are not.
    """
    try:
        capable = set(core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    except CannotRun:  # OpenVINO is not installed
        capable = set()
    known = get_args(get_type_hints(EngineOptions)["precision"])
    return tuple(one for one in known if one == "f32" or (one in _FLOATS and one.upper() in capable))
