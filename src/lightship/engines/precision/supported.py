"""Which precisions this processor computes in, as OpenVINO says."""

from __future__ import annotations

from functools import cache

from lightship.engines.base import CannotRun

# What `OPTIMIZATION_CAPABILITIES` calls them.
_CAPABILITIES = {"bf16": "BF16", "fp16": "FP16", "int8": "INT8"}


def why_missing(precision: str) -> str | None:
    """Returns why this machine cannot compute in a precision, in a few words; None if it can.

    OpenVINO would not refuse such a precision: it would compute in f32 and say nothing.
    """
    if precision not in _CAPABILITIES:
        return None
    try:
        name, known = processor()
    except CannotRun as unable:
        return unable.reason
    if _CAPABILITIES[precision] in known:
        return None
    return f"this processor ({name}) does not compute in {precision}; on it, OpenVINO has {', '.join(known)}"


@cache
def processor() -> tuple[str, tuple[str, ...]]:
    """Returns the processor's name and OpenVINO's names of what it computes in. Raises CannotRun without OpenVINO."""
    from lightship.engines.openvino.runtime import core

    arithmetic = {"FP32", *_CAPABILITIES.values()}
    known = [one for one in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") if one in arithmetic]
    return str(core().get_property("CPU", "FULL_DEVICE_NAME")).strip(), tuple(known)
