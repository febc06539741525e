"""The golden check: the engine must give the trained model's answers."""

from __future__ import annotations

from lightship.bundle.bundle import Bundle
from lightship.engines.base import Engine
from lightship.errors import DataLoss
from lightship.saved_model.signatures import DEFAULT_SIGNATURE


def check_golden(bundle: Bundle, engine: Engine) -> None:
    """Raises DataLoss if the engine's outputs for the golden sample differ from the trained model's.

    The engine computes in f32. What is computed in another precision has a check of its own, with wider limits, after
    this one has shown that the weights are right.
    """
    golden = bundle.golden
    if golden is None:
        return
    difference = golden.compare(engine.run(DEFAULT_SIGNATURE, golden.inputs))
    if difference is not None:
        raise DataLoss(
            f"{bundle.path} does not give the trained model's answers: {difference}. Its weights were changed after "
            "export, or the engine computes a wrong result: export the model again, or try --engine tensorflow"
        )
