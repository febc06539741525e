"""Imports onnxruntime, and makes sessions of ONNX files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.onnxruntime.providers import CPU, CUDA, Provider
from lightship.errors import FailedPrecondition
from lightship.extras import INSTALL_ONNX
from lightship.processors import available_cpus

# What onnxruntime writes before the reason.
_PREAMBLE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_PLACE = re.compile(r"/onnxruntime_src/\S+ ")
_ONLY_FATAL = 4  # a level of onnxruntime's log, which goes to standard error
_MAX_TEXT = 500


@cache
def onnxruntime() -> Any:
    """Imports onnxruntime. Raises CannotRun if it is not installed or cannot be imported."""
    try:
        ort = import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise CannotRun(f"onnxruntime is not installed: {INSTALL_ONNX}, or lightship[gpu] for GPUs") from error
    except ImportError as error:  # a library that it needs is missing
        raise CannotRun(f"onnxruntime cannot be imported: {error}") from error
    ort.disable_telemetry_events()
    ort.set_default_logger_severity(_ONLY_FATAL)
    # All sessions share this memory on the CPU. It grows by what is needed: of memory that grows by powers of two,
    # onnxruntime never gives back what it has allocated first.
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"arena_extend_strategy": 1}))
    return ort


def make_session(file: Path, options: EngineOptions, providers: Sequence[Provider]) -> Any:
    """Makes a session that runs an ONNX file.

    Raises CannotRun if onnxruntime cannot run the model, and FailedPrecondition if a provider does not start.
    """
    ort = onnxruntime()
    settings = ort.SessionOptions()
    # With an own choice of its threads, onnxruntime binds them to processors, which all processes would share.
    settings.intra_op_num_threads = options.threads or available_cpus()
    settings.inter_op_num_threads = 1
    # Threads that wait do not take time from other work.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.use_env_allocators", "1")
    settings.log_severity_level = _ONLY_FATAL
    wanted: list[Any] = [(name, dict(given)) for name, given in providers] or [CPU]
    try:
        session = ort.InferenceSession(str(file), settings, providers=wanted, enable_fallback=False)
    except Exception as error:  # onnxruntime has a dozen classes of errors, without a common one
        raise CannotRun(f"onnxruntime cannot load {file.name}: {error_text(error)}") from error
    missing = [name for name, _ in providers if name not in session.get_providers()]
    if missing:
        raise FailedPrecondition(
            f"onnxruntime's {missing[0]} does not start, so nothing would run on the GPU: {_advice(missing[0])}"
        )
    return session


def error_text(error: Exception) -> str:
    """Returns onnxruntime's text without its codes and the places in its sources."""
    text = _PLACE.sub("", _PREAMBLE.sub("", " ".join(str(error).split())))
    return text.replace("Non-zero status code returned while running ", "").replace("Status Message: ", "")[:_MAX_TEXT]


def _advice(provider: str) -> str:
    if provider != CUDA:
        return "uninstall TensorRT, or install the version that this onnxruntime was built with"
    return (
        "install the CUDA and cuDNN that it was built with, pip install 'onnxruntime-gpu[cuda,cudnn]', and a driver "
        "that is new enough for them (nvidia-smi shows the newest CUDA that it supports)"
    )
