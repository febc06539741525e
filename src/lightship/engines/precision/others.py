"""Loads the engine of a version in another precision than f32: one that was asked for, or the fastest that is right."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from lightship.bundle.bundle import Bundle
from lightship.engines.base import CannotRun, Engine, EngineOptions, Precision
from lightship.engines.cache_keys import cache_key, digest_of_folder
from lightship.engines.choose import load_engine
from lightship.engines.device import check_device
from lightship.engines.precision.checking import Checked, Reference
from lightship.engines.precision.golden_check import at_its_priority, check_golden
from lightship.engines.precision.loaded import LoadedEngine
from lightship.engines.precision.quantised import check_int8, why_no_int8
from lightship.engines.precision.supported import why_missing
from lightship.engines.timing import time_ratio
from lightship.engines.trial import cache_for
from lightship.errors import FailedPrecondition
from lightship.repeated import log_level
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.saved_model.versions import TFLITE_FILE

logger = logging.getLogger(__name__)

# The precisions that `auto` tries. f32 is taken where none of them is at least so much faster.
_OTHERS: tuple[Precision, ...] = ("int8", "fp16", "bf16")
_WORTH_IT = 0.95
_NOTHING = "it has no golden sample, and no inputs can be made up for it, so its answers cannot be checked"
_LEAST_TIMED_RUNS, _TIMED_RUNS = 3, 15
_TIMED_SECONDS = 1.0


def load_in(bundle: Bundle, options: EngineOptions, digests: Digests | None) -> LoadedEngine:
    """Loads the engine of a version in `options.precision`, which is not f32.

    Raises the errors of `load_checked_engine`.
    """
    folder = bundle.path
    options = replace(options, engine=check_device(options.device, options.engine))
    if options.precision == "auto":
        return _Auto(bundle, options, digests, folder).load()
    _refuse_missing(bundle, options)
    engine = load_engine(folder, bundle.saved_model, replace(options, precision="f32"), digests)
    try:
        check_golden(bundle, engine, options)
        reference = _reference(bundle, engine, options)
    finally:
        engine.close()
    loaded = _load(reference, options, folder, digests)
    assert loaded.checked is not None
    if not loaded.checked.passed:
        loaded.engine.close()
        raise FailedPrecondition(loaded.checked.refusal(bundle.path))
    _log_passed(bundle, loaded.checked)
    return loaded


def _refuse_missing(bundle: Bundle, options: EngineOptions) -> None:
    reason = _why_not(bundle, options, options.precision)
    if reason is not None:
        raise FailedPrecondition(
            f"{bundle.path} cannot be served in {options.precision}: {reason}. Serve it with --precision f32, or with "
            "auto, which takes what is there"
        )


def _why_not(bundle: Bundle, options: EngineOptions, precision: str) -> str | None:
    """Returns why a version cannot be tried in a precision; None if it can."""
    if DEFAULT_SIGNATURE not in bundle.saved_model.signatures:
        return f'it has no signature "{DEFAULT_SIGNATURE}", the one that is computed in other precisions'
    if options.engine == "tensorflow":
        return "TensorFlow computes in f32 here"
    if bundle.saved_model.file == TFLITE_FILE:
        return f"{TFLITE_FILE} is served, which LiteRT computes as it was converted"
    if precision == "int8" and (reason := why_no_int8(bundle)) is not None:
        return reason
    return why_missing(precision) if options.engine in ("auto", "openvino") else None


def _reference(bundle: Bundle, engine: Engine, options: EngineOptions) -> Reference:
    if engine.engine_of(DEFAULT_SIGNATURE) == "tensorflow":
        raise _refusal(bundle, options.precision, _runs_on_tensorflow(engine))
    reference = at_its_priority(options, engine, partial(Reference.of, bundle, engine, options))
    if reference.empty:
        raise FailedPrecondition(
            f"{bundle.path} cannot be served in {options.precision}: {_NOTHING}. Export it with lightship export, or "
            "serve it with --precision f32"
        )
    return reference


def _runs_on_tensorflow(engine: Engine) -> str:
    reason = next(one.reason for one in engine.reports() if one.signature == DEFAULT_SIGNATURE)
    return f"it runs on TensorFlow, in f32 ({reason})"


def _load(reference: Reference, options: EngineOptions, folder: Path, digests: Digests | None) -> LoadedEngine:
    """Loads and checks a version in a precision. It may have failed the check."""
    bundle = reference.bundle
    try:
        engine = load_engine(folder, bundle.saved_model, options, digests, reference.engine)
    except CannotRun as unable:
        why = f"{reference.engine}, which runs it in f32, does not run it in {options.precision} ({unable.reason})"
        raise _refusal(bundle, options.precision, why) from unable
    try:
        computed, runs_on = engine.precision_of(DEFAULT_SIGNATURE), engine.engine_of(DEFAULT_SIGNATURE)
        if computed != options.precision:
            raise _refusal(bundle, options.precision, f"{runs_on} would compute it in {computed}")
        if options.precision == "int8":
            check_int8(bundle, engine, folder)
        check = partial(reference.check, engine, options.precision)
        return LoadedEngine(engine, at_its_priority(options, engine, check))
    except BaseException:
        engine.close()
        raise


def _refusal(bundle: Bundle, precision: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"{bundle.path} cannot be served in {precision}: {why}. Serve it with --precision f32 or auto"
    )


def _log_passed(bundle: Bundle, checked: Checked) -> None:
    extra = {"folder": str(bundle.path), "precision": checked.precision}
    logger.log(
        log_level(logging.INFO), "%s passed its check in %s: %s", bundle.path, checked.precision, checked, extra=extra
    )


class _Auto:
    """Finds the fastest precision of a version that passes its check. It is kept in the cache of compiled models."""

    def __init__(self, bundle: Bundle, options: EngineOptions, digests: Digests | None, folder: Path) -> None:
        self._bundle, self._options, self._digests, self._folder = bundle, options, digests, folder
        self._cache = cache_for(options)

    def load(self) -> LoadedEngine:
        exact = load_engine(self._folder, self._bundle.saved_model, self._of("f32"), self._digests)
        try:
            check_golden(self._bundle, exact, self._options)
            if exact.engine_of(DEFAULT_SIGNATURE) == "tensorflow":
                self._say("f32", _runs_on_tensorflow(exact))
                return LoadedEngine(exact)
            candidates = list(self._candidates())
            if not candidates:
                self._say("f32", "no other precision can be tried")
                return LoadedEngine(exact)
            make = partial(Reference.of, self._bundle, exact, self._options)
            reference = at_its_priority(self._options, exact, make)
            if reference.empty:
                self._say("f32", _NOTHING)
                return LoadedEngine(exact)
            return self._fastest(exact, reference, candidates)
        except BaseException:
            exact.close()
            raise

    def _of(self, precision: Precision) -> EngineOptions:
        return replace(self._options, precision=precision)

    def _candidates(self) -> Iterator[Precision]:
        for precision in _OTHERS:
            reason = _why_not(self._bundle, self._options, precision)
            if reason is None:
                yield precision
            else:
                self._say(precision, reason)

    def _fastest(self, exact: Engine, reference: Reference, candidates: list[Precision]) -> LoadedEngine:
        """Closes all engines but the one that it returns."""
        key = cache_key({"folder": digest_of_folder(self._folder, digests=self._digests), **self._asked()})
        kept = self._cache.get(key)
        chosen = str(kept.info["precision"]) if kept is not None else ""
        if chosen == "f32":
            return LoadedEngine(exact)
        if chosen in candidates:  # it is not timed again, but it is checked again
            found = self._tried(reference, next(one for one in candidates if one == chosen))
            if found is not None:
                return self._instead_of(exact, found)
            self._cache.forget(key)
        best = LoadedEngine(exact)
        with ExitStack() as stack:
            stack.callback(lambda: best.engine.close())
            for precision in candidates:
                found = self._tried(reference, precision) if precision != chosen else None
                if found is None:
                    continue
                if self._ratio(found.engine, best.engine, reference) < (_WORTH_IT if best.checked is None else 1.0):
                    best = self._instead_of(best.engine, found)
                else:
                    found.engine.close()
                    self._say(precision, "it passes its check, but is not faster than what was found before")
            if best.checked is None:
                self._say("f32", "nothing else passes its check and is faster")
            with self._cache.workplace() as work:
                self._cache.put(key, {"precision": best.checked.precision if best.checked else "f32"}, work)
            stack.pop_all()
        return best

    def _ratio(self, engine: Engine, best: Engine, reference: Reference) -> float:
        """Returns how long `engine` takes, as a multiple of what `best` takes. Closes `engine` if a run fails."""
        try:
            return _ratio(engine, best, reference)
        except BaseException:
            engine.close()
            raise

    def _instead_of(self, other: Engine, found: LoadedEngine) -> LoadedEngine:
        other.close()
        assert found.checked is not None
        _log_passed(self._bundle, found.checked)
        return found

    def _tried(self, reference: Reference, precision: Precision) -> LoadedEngine | None:
        try:
            found = _load(reference, self._of(precision), self._folder, self._digests)
        except FailedPrecondition as failed:
            self._say(precision, failed.message)
            return None
        assert found.checked is not None
        if found.checked.passed:
            return found
        found.engine.close()
        self._say(precision, f"its answers are too far from those in f32: {found.checked}")
        return None

    def _asked(self) -> dict[str, object]:
        options = self._options
        return {
            "auto": [options.engine, options.device, options.threads, options.max_difference, options.min_agreement],
            "photos": str(options.verify_with),
        }

    def _say(self, precision: str, reason: str) -> None:
        extra = {"folder": str(self._bundle.path), "precision": precision}
        logger.log(
            log_level(logging.INFO),
            "%s: --precision auto %s %s: %s",
            self._bundle.path,
            "takes" if precision == "f32" else "does not take",
            precision,
            reason,
            extra=extra,
        )


def _ratio(one: Engine, other: Engine, reference: Reference) -> float:
    """Returns what a run of one row takes on one engine, as a multiple of what it takes on the other."""
    row = reference.sample()
    if row is None:
        return 1.0
    runs = (partial(engine.run, DEFAULT_SIGNATURE, row) for engine in (one, other))
    return time_ratio(*runs, least=_LEAST_TIMED_RUNS, most=_TIMED_RUNS, seconds=_TIMED_SECONDS)
