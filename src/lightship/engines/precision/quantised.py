"""The model of int8 that a version may have: whether it is there, and whether it computes here as where it was made."""

from __future__ import annotations

from pathlib import Path

from lightship.bundle.bundle import Bundle
from lightship.bundle.golden import Golden
from lightship.bundle.int8 import INT8_ANSWERS, INT8_FILES
from lightship.engines.base import Engine
from lightship.errors import DataLoss
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# How far its answers may be from those it gave when it was made, as a share of an output's largest number. Processors
# round a few numbers of a quantised model differently.
_TOLERANCE = 5e-3


def why_no_int8(bundle: Bundle) -> str | None:
    """Returns why a version has no model of int8 that may be run, or None if it has one.

    Raises DataLoss if the manifest does not vouch for all of its files.
    """
    manifest = bundle.manifest
    if manifest is None or manifest.int8 is None or bundle.golden is None:
        return (
            "it has no model of int8: export it with lightship export MODEL FOLDER --quantize int8 --calibrate PHOTOS"
        )
    missing = [name for name in INT8_FILES if not manifest.covers(name)]
    if missing:
        raise DataLoss(
            f"the manifest of {bundle.path} names a model of int8, but has no digest of {', '.join(missing)}: "
            "export the model again"
        )
    return None


def check_int8(bundle: Bundle, engine: Engine, folder: Path) -> None:
    """Raises DataLoss if the answers in int8 are not those that the same model gave when it was made.

    The limits of the precision's own check are wider than that: a model that was changed could pass it.
    """
    assert bundle.golden is not None
    made = Golden.load(folder / INT8_ANSWERS, rtol=0.0, atol=_TOLERANCE)
    difference = made.compare(engine.run(DEFAULT_SIGNATURE, bundle.golden.inputs))
    if not made.outputs or difference is not None:
        raise DataLoss(
            f"the model of int8 in {bundle.path} does not give the answers that it gave when it was made: "
            f"{difference or 'they are missing'}. It was changed after export, or this processor computes int8 "
            "differently: export it on this machine with --quantize int8 again, or serve it with --precision f32"
        )
