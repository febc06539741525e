"""Opens a version with a setting, as a server would: its engine, its scheduler, and what runs cost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from types import TracebackType

from lightship.batching import Joined, Scheduler
from lightship.bundle.bundle import Bundle
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.base import SHORT_SECONDS, Arrays, Figures
from lightship.engines.openvino.description import Description
from lightship.engines.openvino.figures import Measurements, limited
from lightship.engines.openvino.measuring import streams_to_measure
from lightship.engines.openvino.streams import choose_streams
from lightship.engines.precision import check_golden
from lightship.engines.tuned import TunedSetting
from lightship.errors import LightshipError
from lightship.memory import release_freed_memory
from lightship.processors import available_cpus
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import Signature
from lightship.saved_model.versions import model_bytes
from lightship.tuning.load import Load
from lightship.tuning.objective import Turns
from lightship.tuning.verification import verify

# How long the default may take to measure itself, as a server's does in the background.
PATIENCE_SECONDS = 20.0
# Warm-up turns are at least so long, and take about as long as loading took: copies for several streams load meanwhile.
_WARM_UP_SECONDS = (0.2, 1.5)
# How long each kind of run is measured.
MEASURING_SECONDS = 1.0

DEFAULT = TunedSetting(threads=0, streams=0, rows=0, one_row="auto", precision="f32")


class CannotTry(Exception):
    """A setting cannot be tried; the text says why."""


@dataclass(slots=True)
class Candidate:
    """A setting that is loaded and warm."""

    setting: TunedSetting
    engine: Engine
    scheduler: Scheduler
    # The seconds that loading took.
    seconds: float

    def turns(self, load: Load, callers: Sequence[int], seconds: float) -> Turns:
        """Makes a turn of so many seconds for each number of callers."""
        return {number: load.turn(self.scheduler, number, seconds) for number in callers}

    def warm_up(self, load: Load, callers: Sequence[int]) -> None:
        least, most = _WARM_UP_SECONDS
        load.turn(self.scheduler, max(callers), min(most, max(least, self.seconds)))
        load.turn(self.scheduler, min(callers), least)

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.scheduler.close()
        self.engine.close()


class Workbench:
    """Opens settings of one version, and measures what runs cost with them, each kind of run once."""

    def __init__(
        self,
        bundle: Bundle,
        signature: Signature,
        options: EngineOptions,
        sample: Arrays,
        measuring_seconds: float = MEASURING_SECONDS,
    ) -> None:
        """sample: rows that the model accepts. measuring_seconds: how long each kind of run is measured."""
        self.bundle, self.signature = bundle, signature
        self._options, self._sample = replace(options, tuned=False), sample
        self._measuring_seconds = measuring_seconds
        self._digests = Digests(bundle.path)
        self._figures: dict[tuple[int, int, str, str], Figures] = {}
        self._default_streams = 1
        self._measurements: tuple[TunedSetting, Measurements] | None = None

    def default(self) -> Candidate:
        """Opens the version as a server does without a tuned setting, and waits until its engine has measured itself.

        Raises LightshipError if it cannot be loaded, and DataLoss if it does not give the golden sample's outputs.
        """
        with ExitStack() as stack:
            candidate = stack.enter_context(self._opened(self._options, DEFAULT))
            check_golden(self.bundle, candidate.engine)
            if self._waited(candidate):
                stack.pop_all()
                return candidate
        return self._opened(replace(self._options, figures=self._chosen_by_engine()), DEFAULT)

    def default_streams(self, default: Candidate) -> int:
        """Returns by how many streams the default runs calls that wait."""
        joining = default.engine.joining(self.signature.name)
        return joining.streams if joining is not None else self._default_streams

    def _waited(self, candidate: Candidate) -> bool:
        """Waits until the engine has measured itself. Returns False if it does not in time, or only when calls meet.

        Engines measure at the lowest priority, so on a busy machine they may not get to it.
        """
        end, name = time.monotonic() + PATIENCE_SECONDS, self.signature.name
        while (joining := candidate.engine.joining(name)) is not None and not joining.costs:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return joining is not None or candidate.engine.engine_of(name) != "openvino"

    def _chosen_by_engine(self) -> Figures | None:
        """Returns the figures by which an engine that measured itself now would run; None if that cannot be told.

        Only short runs are on all threads with figures, and perhaps on one without.
        """
        try:
            one = self.measured(DEFAULT, 1)
            if dict(one.costs)[1] <= SHORT_SECONDS:
                return one
            measured = {streams: self.measured(DEFAULT, streams) for streams in streams_to_measure(available_cpus())}
            copy_bytes = model_bytes(self.bundle.path)
        except (LightshipError, OSError):
            return None
        by_streams = {some.streams: dict(some.costs_of_streams) for some in measured.values() if some.streams > 1}
        streams = choose_streams(dict(one.costs), by_streams, copy_bytes)
        self._default_streams = streams
        return next((some for some in measured.values() if some.streams == streams > 1), one)

    def measured(self, setting: TunedSetting, streams: int) -> Figures:
        """Returns what runs cost with so many streams. Raises LightshipError if that fails."""
        key = (setting.threads, streams, setting.one_row, setting.precision)
        if key not in self._figures:
            self._figures[key] = self._measurements_of(setting).figures(streams, self._measuring_seconds)
        return self._figures[key]

    def description(self, setting: TunedSetting) -> Description:
        """Returns the description of what is compiled with a setting. Raises LightshipError."""
        return self._measurements_of(setting).description

    def forget_models(self) -> None:
        """Gives the memory of the models back with which runs were measured."""
        self._measurements = None
        release_freed_memory()

    def _measurements_of(self, setting: TunedSetting) -> Measurements:
        """Returns the measurements with the models of a setting; only those of the last one are kept in memory."""
        models = replace(DEFAULT, threads=setting.threads, one_row=setting.one_row, precision=setting.precision)
        if self._measurements is None or self._measurements[0] != models:
            self._measurements = None
            options = models.on(self._options)
            made = Measurements(self.bundle.path, self.signature, options, self._digests, self._sample)
            self._measurements = models, made
        return self._measurements[1]

    def candidate(self, setting: TunedSetting) -> Candidate:
        """Opens a setting. Raises CannotTry if that fails, or if its answers are not those of the trained model."""
        options = setting.on(self._options)
        try:
            candidate = self._opened(options, setting)
        except LightshipError as error:
            raise CannotTry(error.message) from error
        if setting.precision != DEFAULT.precision:
            problem = verify(self.bundle, self.signature, candidate.engine, options)
            if problem is not None:
                candidate.close()
                raise CannotTry(problem)
        return candidate

    def limited(self, setting: TunedSetting, rows: int) -> TunedSetting:
        """Returns a setting with measured figures, with another largest batch."""
        assert setting.figures is not None
        whole = self.measured(setting, setting.figures.streams)
        return replace(setting, rows=rows, figures=limited(whole, rows))

    def _opened(self, options: EngineOptions, setting: TunedSetting) -> Candidate:
        begun = time.perf_counter()
        engine = load_engine(self.bundle.path, self.bundle.saved_model, options, self._digests)
        try:
            engine.engine_of(self.signature.name)
            scheduler = Joined(self.bundle, engine, lambda calls, rows: None)
        except BaseException:
            engine.close()
            raise
        candidate = Candidate(setting, engine, scheduler, time.perf_counter() - begun)
        with suppress(LightshipError):
            engine.joining(self.signature.name)  # as a server does when it has loaded a version
        return candidate
