"""Loads the engine of a version in the precision that was asked for, or in the fastest that passes its check."""

from __future__ import annotations

from lightship.bundle.bundle import Bundle
from lightship.engines.base import DEFAULT_OPTIONS, EngineOptions
from lightship.engines.choose import load_engine
from lightship.engines.precision.golden_check import check_golden
from lightship.engines.precision.limits import check_precision_options
from lightship.engines.precision.loaded import LoadedEngine
from lightship.saved_model.digests import Digests


def load_checked_engine(
    bundle: Bundle, options: EngineOptions = DEFAULT_OPTIONS, digests: Digests | None = None
) -> LoadedEngine:
    """Loads the engine of a version, and runs its golden check.

    For a precision other than f32, the version is loaded in f32 first. That must give the trained model's answers. Then
    the answers in the other precision are compared with these, on the golden sample and on `options.verify_with`.

    Raises the errors of `check_precision_options` and `load_engine`, DataLoss if the golden check fails, and
    FailedPrecondition if the machine or the version does not have the precision, or if its check fails.
    """
    check_precision_options(options)
    if options.precision != "f32":
        from lightship.engines.precision.others import load_in  # most servers need nothing of it

        return load_in(bundle, options, digests)
    engine = load_engine(bundle.path, bundle.saved_model, options, digests)
    try:
        check_golden(bundle, engine, options)
    except BaseException:
        engine.close()
        raise
    return LoadedEngine(engine)
