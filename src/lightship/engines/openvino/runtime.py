"""Imports and configures OpenVINO, and shortens its error messages."""

from __future__ import annotations

import importlib
import re
import sys
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from lightship.engines.base import NO_OPENVINO, CannotRun, EngineOptions
from lightship.processors import engine_threads, schedulable_cpus

# This part of OpenVINO reports every import over the network; it takes two thirds of the import time and 15 MB.
# OpenVINO works without it if it cannot be imported.
_CONVERTER = "openvino.tools.ovc"

# Matches the text that says where in OpenVINO's sources a check failed.
_PLACE = re.compile(
    r"Exception from \S+:\d+:|FrontEnd API failed with \w+:|While validating node .*|Check '.*' failed at \S+:\d+:"
)

# What a model of int8 does not compute in int8 is computed in f32.
HINTS = {"bf16": "bf16", "fp16": "f16"}

# Bytes of a model whose runs are too short to gain anything from threads that are bound to processors.
_SMALL = 1 << 20

_import_lock = Lock()


@cache
def openvino() -> Any:
    """Imports OpenVINO without its converter, and so without its telemetry. Raises CannotRun without OpenVINO."""
    with _import_lock:
        blocked = "openvino" not in sys.modules and _CONVERTER not in sys.modules
        if blocked:
            sys.modules[_CONVERTER] = None  # type: ignore[assignment]
        try:
            return importlib.import_module("openvino")
        except ModuleNotFoundError as error:
            raise CannotRun(NO_OPENVINO) from error
        except ImportError as error:  # a library that it needs is missing
            raise CannotRun(f"OpenVINO cannot be imported: {error}") from error
        finally:
            if blocked:
                del sys.modules[_CONVERTER]


@cache
def core() -> Any:
    """Returns the `openvino.Core` of this process.

    It reads weights instead of mapping them, because truncating a mapped file ends the process with SIGBUS.
    """
    made = openvino().Core()
    made.set_property({"ENABLE_MMAP": False})
    return made


@cache
def start_workers() -> None:
    """Makes OpenVINO start the threads that it shares among all models, if it has not yet.

    They inherit the priority of the thread that needs them first. So this must be called by a thread of usual priority
    before one of low priority uses OpenVINO.
    """
    package = openvino()  # imported first: its parts would import it with its telemetry, and beside another thread
    operations = importlib.import_module("openvino.opset15")
    numbers = operations.parameter([64, 1024], np.float32)
    model = package.Model([operations.softmax(numbers, 1)], [numbers])  # large enough for several threads
    core().compile_model(model, "CPU", properties(EngineOptions())).create_infer_request().infer()


def properties(options: EngineOptions, streams: int = 1, *, size: int | None = None) -> dict[str, Any]:
    """Returns OpenVINO's properties for compiling or importing a model. `size`: its bytes, if they are known.

    The precision is always set, because OpenVINO would choose bf16 on some processors. With several streams, so many
    runs are computed at once, each by its share of the threads, which stay on one NUMA node where they fit.
    """
    wanted: dict[str, Any] = {"INFERENCE_PRECISION_HINT": HINTS.get(options.precision, "f32")}
    threads = options.threads or engine_threads()
    if threads:
        wanted["INFERENCE_NUM_THREADS"] = threads
        # OpenVINO would bind the threads of every process to the first processors, so that several processes, such as
        # containers with a limit of time, would share those and leave the others idle.
        wanted["ENABLE_CPU_PINNING"] = threads >= schedulable_cpus()
    if size is not None and size <= _SMALL:
        # Each run would move the thread that asks for it to one processor and wait for that, though others are idle.
        wanted["ENABLE_CPU_PINNING"] = False
    if streams > 1:
        wanted["NUM_STREAMS"] = streams
    return wanted


def explain(error: Exception) -> str:
    """Returns OpenVINO's error message without the positions in its sources."""
    lines = (_PLACE.sub("", line).strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if line) or str(error).strip()
