"""The golden check: the engine must give the trained model's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lightship.bundle.bundle import Bundle
from lightship.engines.base import DEFAULT_OPTIONS, Engine, EngineOptions
from lightship.errors import DataLoss
from lightship.priority import at_low_priority
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

T = TypeVar("T")


def check_golden(bundle: Bundle, engine: Engine, options: EngineOptions = DEFAULT_OPTIONS) -> None:
    """Raises DataLoss if the engine's outputs for the golden sample differ from the trained model's.

    The engine computes in f32. What is computed in another precision has a check of its own, with wider limits, after
    this one has shown that the weights are right.
    """
    golden = bundle.golden
    if golden is None:
        return
    outputs = at_its_priority(options, engine, lambda: engine.run(DEFAULT_SIGNATURE, golden.inputs))
    difference = golden.compare(outputs)
    if difference is not None:
        raise DataLoss(
            f"{bundle.path} does not give the trained model's answers: {difference}. Its weights were changed after "
            "export, or the engine computes a wrong result: export the model again, or try --engine tensorflow"
        )


def at_its_priority(options: EngineOptions, engine: Engine, work: Callable[[], T]) -> T:
    """Returns what `work` returns, which runs the engine: at low priority if other versions answer meanwhile.

    Other engines than OpenVINO start threads when they are first used, which would keep the low priority.
    """
    return at_low_priority(work) if options.low_priority and engine.name == "openvino" else work()
