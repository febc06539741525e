"""OpenVINO itself: how it is imported and configured, and what its errors say."""

from __future__ import annotations

import importlib
import re
import sys
from functools import cache
from threading import Lock
from typing import Any

from lightship.engines.base import EngineOptions

# This part of OpenVINO reports every import over the network, and takes two thirds of the time and 15 MB. OpenVINO
# itself goes without it where it cannot be imported.
_CONVERTER = "openvino.tools.ovc"

# What says where in OpenVINO's sources a check failed, not what was wrong.
_PLACE = re.compile(
    r"Exception from \S+:\d+:|FrontEnd API failed with \w+:|While validating node .*|Check '.*' failed at \S+:\d+:"
)

_import_lock = Lock()


@cache
def openvino() -> Any:
    """The module, imported without its converter and so without its telemetry."""
    with _import_lock:
        blocked = "openvino" not in sys.modules and _CONVERTER not in sys.modules
        if blocked:
            sys.modules[_CONVERTER] = None  # type: ignore[assignment]
        try:
            return importlib.import_module("openvino")
        finally:
            if blocked:
                del sys.modules[_CONVERTER]


@cache
def core() -> Any:
    """The process's one `openvino.Core`.

    It reads weights instead of mapping them: a mapped file that somebody truncates ends the process with SIGBUS.
    """
    made = openvino().Core()
    made.set_property({"ENABLE_MMAP": False})
    return made


def properties(options: EngineOptions) -> dict[str, Any]:
    """How a model is compiled. The precision is always said: bf16 is OpenVINO's own choice on some chips."""
    wanted: dict[str, Any] = {"INFERENCE_PRECISION_HINT": options.precision}
    if options.threads:
        wanted["INFERENCE_NUM_THREADS"] = options.threads
    return wanted


def explain(error: Exception) -> str:
    """The last sentences of OpenVINO's report: what it says after the places in its own sources."""
    lines = (_PLACE.sub("", line).strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if line) or str(error).strip()
