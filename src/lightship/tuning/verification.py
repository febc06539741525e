"""Verifies that an engine of another precision gives the trained model's answers, before it is tried."""

from __future__ import annotations

from dataclasses import replace

from lightship.bundle.bundle import Bundle
from lightship.engines import Engine, EngineOptions
from lightship.engines.comparison import tolerance
from lightship.errors import LightshipError
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature

# How a signature's results were checked when it was loaded, if they were compared with anything.
_PROVEN = ("golden sample", "compared with TensorFlow")


def verify(bundle: Bundle, signature: Signature, engine: Engine, options: EngineOptions) -> str | None:
    """Returns why the engine's answers cannot be relied on, or None.

    The golden sample decides, within the tolerance of the precision and with the same best class of each row. Without
    one, the comparison with TensorFlow does, which took place when the version was loaded.
    """
    report = next(one for one in engine.reports() if one.signature == signature.name)
    if report.engine != "openvino":
        return f"the signature runs on {report.engine}, which has no other precision"
    golden = bundle.golden if signature.name == DEFAULT_SIGNATURE else None
    if golden is None:
        if report.proof in _PROVEN:
            return None
        return "there is no golden sample and no TensorFlow to verify it with"
    rtol, atol = tolerance(options.precision)
    try:
        answers = engine.run(signature.name, golden.inputs)
    except LightshipError as error:
        return error.message
    difference = replace(golden, rtol=max(golden.rtol, rtol), atol=max(golden.atol, atol)).compare(answers)
    if difference is not None:
        return difference
    for name, wanted in golden.outputs.items():
        if wanted.ndim == 2 and wanted.shape[1] > 1 and wanted.dtype.kind == "f":
            changed = int((wanted.argmax(1) != answers[name].argmax(1)).sum())
            if changed:
                return f'output "{name}" has another best class in {changed} of {len(wanted)} golden rows'
    return None
