"""The execution providers of onnxruntime, and their options."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from lightship.engines.base import EngineOptions
from lightship.engines.cache import default_folder
from lightship.errors import FailedPrecondition
from lightship.extras import INSTALL_GPU
from lightship.saved_model.signatures import Signature

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

# TensorRT builds an engine for numbers of rows from 1 to the last of these, and tunes it for the middle one.
_TENSORRT_ROWS = (1, 8, 64)

Provider = tuple[str, Mapping[str, str]]


def require_cuda(available: Sequence[str]) -> None:
    """Raises FailedPrecondition if onnxruntime was built without CUDA. `available` are the names of its providers."""
    if CUDA not in available:
        raise FailedPrecondition(
            f"the installed onnxruntime cannot use GPUs; it has {', '.join(available)}. Install the package "
            f"onnxruntime-gpu in its place: pip uninstall onnxruntime, then {INSTALL_GPU}"
        )


def gpu_providers(
    available: Sequence[str], gpu: int, options: EngineOptions, signature: Signature, *, tensorrt: bool
) -> list[Provider]:
    """Returns the providers for one GPU, the preferred one first. `tensorrt`: whether its libraries are installed."""
    require_cuda(available)
    cuda: Provider = (CUDA, cuda_options(gpu, options))
    shapes = _tensorrt_shapes(signature) if tensorrt and TENSORRT in available else None
    return [cuda] if shapes is None else [(TENSORRT, _tensorrt_options(gpu, options, shapes)), cuda]


def cuda_options(gpu: int, options: EngineOptions) -> dict[str, str]:
    """Returns the options of the CUDA provider.

    Memory grows by what is needed, so that what is given back later is what is free. Algorithms are chosen by
    heuristics: a search would take seconds for each new number of rows.
    """
    chosen = {
        "device_id": str(gpu),
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "do_copy_in_default_stream": "1",
        "use_tf32": "0",  # 10 bits of the mantissa instead of 23
    }
    if options.gpu_memory:
        chosen["gpu_mem_limit"] = str(options.gpu_memory)
    return chosen


def _tensorrt_options(gpu: int, options: EngineOptions, shapes: Mapping[str, str]) -> dict[str, str]:
    chosen = {"device_id": str(gpu), "trt_fp16_enable": "0", "trt_int8_enable": "0", **shapes}
    folder = options.cache_dir or default_folder()
    if folder is not None:  # building an engine takes minutes
        chosen |= {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(Path(folder) / "tensorrt")}
    if options.gpu_memory:
        chosen["trt_max_workspace_size"] = str(options.gpu_memory)
    return chosen


def _tensorrt_shapes(signature: Signature) -> dict[str, str] | None:
    """Returns the range of shapes that TensorRT needs; None if more than the number of rows is free."""
    profiles = []
    for rows in _TENSORRT_ROWS:
        parts = []
        for name, spec in signature.inputs.items():
            if not spec.shape or -1 in spec.shape[1:] or set(name) & set(",:"):
                return None
            sizes = [rows if size == -1 else size for size in spec.shape]
            parts.append(f"{name}:{'x'.join(map(str, sizes))}")
        profiles.append(",".join(parts))
    names = ("trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes")
    return dict(zip(names, profiles, strict=True))


@cache
def tensorrt_installed() -> bool:
    """Returns whether TensorRT's library can be loaded. onnxruntime lists its provider without it, too."""
    for name in ("nvinfer_10.dll",) if sys.platform == "win32" else ("libnvinfer.so.10",):
        try:
            ctypes.CDLL(name)
            return True
        except OSError:
            continue
    return False


@cache
def prepare_cuda(ort: Any) -> None:
    """Loads CUDA's libraries from the packages of PyPI, where they are installed, before the first session is made.

    Also turns TF32 off in NVIDIA's own libraries, which TensorRT uses too. A setting of the user's stays.
    """
    os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    if hasattr(ort, "preload_dlls"):
        import contextlib
        import io

        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            ort.preload_dlls()
