"""Loads a version: files, engine, golden check, warm-up. A servable that comes out of it may answer clients."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightship.batching import Direct, Schedulers
from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import Engine, EngineOptions
from lightship.engines.base import DEFAULT_OPTIONS
from lightship.engines.kept_models import KeptModels
from lightship.engines.precision import load_checked_engine
from lightship.engines.trial import cache_for
from lightship.engines.tuned import TunedSetting, tuned_setting
from lightship.errors import LightshipError
from lightship.images.opening import MAX_PIXELS
from lightship.lifecycle.replay import WarmUpCall, replay
from lightship.lifecycle.servable import CallObserver, Servable, ServableId
from lightship.lifecycle.version_copy import CopyVersion
from lightship.memory import returning_freed_memory
from lightship.priority import at_low_priority, giving_way
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, SERVE, TensorSpec
from lightship.saved_model.version_files import check_version_files
from lightship.saved_model.version_model import read_model
from lightship.tensors.dtypes import DataType

logger = logging.getLogger(__name__)

# Larger warm-up data means that the guess about free dimensions was wrong.
_MAX_WARM_UP_ELEMENTS = 1 << 26

VersionCheck = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How versions are loaded."""

    # How engines are chosen and compiled.
    engine: EngineOptions = DEFAULT_OPTIONS
    # The largest encoded image that a servable decodes, as width times height.
    max_pixels: int = MAX_PIXELS
    # Whether to refuse a request if the signature's method name is not that of the request.
    check_method_names: bool = False
    # How many times each call of the warm-up file is made.
    warm_up_iterations: int = 1
    # The tags of the graph to load; a graph must have exactly these.
    tags: Sequence[str] = SERVE
    # Whether links in a version may lead out of the model's folder.
    follow_links: bool = False


class LoadObserver(Protocol):
    """Receives loading events. Several threads may call its methods at the same time."""

    def attempt_finished(self, path: Path, seconds: float, error: BaseException | None) -> None:
        """An attempt to load a version folder ended; `error` is None if it succeeded."""

    def engine_made(self, model: SavedModel, seconds: float) -> None:
        """The graph of a version was read, and an engine was made of it, which took so long."""

    def warm_up_finished(self, path: Path, records: int, seconds: float, error: LightshipError | None) -> None:
        """The calls of a version's warm-up file were made: `records` of them, or some until `error`."""


class Loader:
    """Loads version folders into servables that passed the golden check and are warm.

    warm_up_call: makes one call of a version's warm-up file; None ignores the files.
    copy: makes the copy from which a version is loaded; what it raises ends the attempt. None loads the folder itself.
    checks: are called with the version folder before it is loaded; what they raise ends the attempt.
    observer: its methods are called for every attempt and every warm-up file.
    schedulers: makes the scheduler of each servable; None lets every request run by itself.
    call_observer: returns what is told of the calls of a model, by its name; None: nobody counts them. The calls of
        warm-up files do not count.
    """

    def __init__(
        self,
        options: LoadOptions = LoadOptions(),
        *,
        warm_up_call: WarmUpCall | None = None,
        copy: CopyVersion | None = None,
        checks: Sequence[VersionCheck] = (),
        observer: LoadObserver | None = None,
        schedulers: Schedulers | None = None,
        call_observer: Callable[[str], CallObserver] | None = None,
    ) -> None:
        self._options, self._warm_up_call = options, warm_up_call
        self._copy, self._checks = copy, tuple(checks)
        self._observer, self._schedulers = observer, schedulers or _direct
        self._call_observer = call_observer
        self._others_answer = False

    def load(self, id: ServableId, path: Path) -> Servable:
        """Loads a version folder, at low priority as soon as another version was loaded, which may answer meanwhile.

        Raises NotFound or DataLoss for files that are missing, broken or changed after export, DataLoss if the engine
        does not give the trained model's outputs, FailedPrecondition if no installed engine can run the model or if
        there is a FIFO or a link out of the model's folder, and what `copy`, `checks` and `replay` raise.
        """
        start = time.perf_counter()
        try:
            with returning_freed_memory(), giving_way() if self._others_answer else nullcontext():
                servable = self._load(id, path)
        except BaseException as error:
            if self._observer is not None:
                self._observer.attempt_finished(path, time.perf_counter() - start, error)
            raise
        seconds = time.perf_counter() - start
        if self._observer is not None:
            self._observer.attempt_finished(path, seconds, None)
        self._others_answer = True
        name = servable.engine.name
        fields = {"model": id.name, "version": id.version, "engine": name, "seconds": round(seconds, 3)}
        logger.info("loaded %s with %s in %.2f s", id, name, seconds, extra=fields)
        return servable

    def _load(self, id: ServableId, path: Path) -> Servable:
        check_version_files(path, None if self._options.follow_links else path.parent, option="--follow-links")
        if self._copy is None:
            return self._load_files(id, path, path, Digests(path, low_priority=self._others_answer))
        copy = self._copy(id, path)
        try:
            return self._load_files(id, path, copy.path, Digests(copy.path, copy.digests), copy.remove)
        except BaseException as error:
            copy.remove()
            if isinstance(error, LightshipError):  # the operator knows the folder, not the copy
                error.reword(error.message.replace(str(copy.path), str(path)))
            raise

    def _load_files(
        self, id: ServableId, path: Path, files: Path, digests: Digests, on_close: Callable[[], None] | None = None
    ) -> Servable:
        """Loads the version in `path` from `files`. Each file is read once for its digest."""
        options = self._options
        for check in self._checks:
            check(files)
        kept = KeptModels(cache_for(options.engine), digests).read
        read = partial(read_model, prefer_tflite=options.engine.prefer_tflite, read=kept)
        opened = partial(open_bundle, files, id.name, id.version, tags=options.tags, digests=digests, read=read)
        bundle = at_low_priority(opened) if self._others_answer else opened()  # reads all variables
        tuned = tuned_setting(files, options.engine, digests, path)
        if tuned is not None:
            logger.info("%s uses a setting of `lightship tune`: %s", id, tuned, extra=_fields(id))
            try:
                return self._load_bundle(id, path, bundle, digests, tuned, on_close)
            except LightshipError as error:
                text = "%s cannot be loaded with the setting of `lightship tune` (%s): %s. It is loaded without it"
                logger.warning(text, id, tuned, error.message, extra=_fields(id))
        return self._load_bundle(id, path, bundle, digests, None, on_close)

    def _load_bundle(
        self,
        id: ServableId,
        path: Path,
        bundle: Bundle,
        digests: Digests,
        tuned: TunedSetting | None,
        on_close: Callable[[], None] | None,
    ) -> Servable:
        options, low, begun = self._options, self._others_answer, time.perf_counter()
        chosen = options.engine if tuned is None else tuned.on(options.engine)
        loaded = load_checked_engine(bundle, replace(chosen, low_priority=low), digests)
        engine = loaded.engine
        if self._observer is not None:
            self._observer.engine_made(bundle.saved_model, time.perf_counter() - begun)
        try:
            if tuned is not None:
                tuned.check(engine.reports())
            scheduler = self._schedulers(id.name, id.version, bundle, engine)
        except BaseException:
            engine.close()
            raise
        limits = (options.max_pixels, options.check_method_names)
        servable = Servable(id, bundle, engine, scheduler, *limits, checked=loaded.checked, tuned=str(tuned or ""))
        try:
            # Others start threads when they are first used, which would keep the low priority.
            if low and engine.name == "openvino":
                at_low_priority(partial(self._try, servable, path))
            else:
                self._try(servable, path)
        except BaseException:
            servable.close()
            raise
        for name in bundle.saved_model.signatures:
            engine.joining(name)  # begins to measure what runs cost, before calls disturb that
        observer = None if self._call_observer is None else self._call_observer(id.name)
        return replace(servable, observer=observer, on_close=on_close)

    def _try(self, servable: Servable, path: Path) -> None:
        """Makes the first runs: one row, and the calls of the warm-up file."""
        warm_up(servable.bundle, servable.engine)
        if self._warm_up_call is not None:
            self._replay(servable, self._warm_up_call, path)

    def _replay(self, servable: Servable, call: WarmUpCall, path: Path) -> None:
        start = time.perf_counter()
        try:
            records = replay(servable, call, self._options.warm_up_iterations)
        except LightshipError as error:
            if self._observer is not None:
                self._observer.warm_up_finished(path, 0, time.perf_counter() - start, error)
            raise
        if records and self._observer is not None:
            self._observer.warm_up_finished(path, records, time.perf_counter() - start, None)


def _fields(id: ServableId) -> dict[str, object]:
    return {"model": id.name, "version": id.version}


def _direct(model: str, version: int, bundle: Bundle, engine: Engine) -> Direct:
    return Direct(engine)


def load_servable(id: ServableId, path: Path) -> Servable:
    """Loads a version folder with the default options, without its warm-up file. Raises the errors of `Loader.load`."""
    return Loader().load(id, path)


def warm_up(bundle: Bundle, engine: Engine) -> None:
    """Runs `serving_default` once for one row, on golden data or zeros, unless it changes variables.

    A failure is only logged: zeros are a guess, and a single row of the golden sample may not be a valid input.
    """
    signature = bundle.saved_model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or not signature.inputs or DEFAULT_SIGNATURE in bundle.saved_model.changes.writers:
        return
    if bundle.golden is not None and all(array.ndim for array in bundle.golden.inputs.values()):
        _try(engine, {name: array[:1] for name, array in bundle.golden.inputs.items()})
        return
    guessed = {name: _zeros(spec) for name, spec in signature.inputs.items()}
    known = {name: array for name, array in guessed.items() if array is not None}
    if len(known) == len(guessed):
        _try(engine, known)


def _try(engine: Engine, inputs: dict[str, NDArray[Any]]) -> None:
    try:
        engine.warm_up(DEFAULT_SIGNATURE, inputs)
    except LightshipError as error:
        logger.debug("the warm-up failed: %s", error.message)


def _zeros(spec: TensorSpec) -> NDArray[Any] | None:
    """Returns zeros of the declared shape, with size 1 for a free first dimension.

    Returns None if another dimension or the rank is free, if the type is string, or if the array would be very large.
    """
    if spec.shape is None or -1 in spec.shape[1:] or spec.dtype in (DataType.DT_STRING, DataType.DT_INVALID):
        return None
    shape = tuple(abs(size) for size in spec.shape)
    if np.prod(shape, dtype=float) > _MAX_WARM_UP_ELEMENTS:
        return None
    return np.zeros(shape, spec.taken.numpy)
