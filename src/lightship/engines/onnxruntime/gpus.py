"""Finds the machine's GPUs."""

from __future__ import annotations

import ctypes
import sys

from lightship.engines.device import Device
from lightship.errors import FailedPrecondition


def chosen_gpus(device: Device) -> tuple[int, ...]:
    """Returns the numbers of the GPUs. Raises FailedPrecondition if one of them is not there."""
    count = count_gpus()
    if not count:
        raise FailedPrecondition(
            "no NVIDIA GPU was found: install NVIDIA's driver, start containers with access to the GPUs "
            "(docker run --gpus all), and look at CUDA_VISIBLE_DEVICES; or run on the CPU with --device cpu"
        )
    missing = [number for number in device.numbers if number >= count]
    if missing:
        raise FailedPrecondition(
            f"there is no GPU {missing[0]}: this process sees {count}, numbered from 0 to {count - 1}"
        )
    return device.numbers or tuple(range(count))


def count_gpus() -> int:
    """Returns how many GPUs NVIDIA's driver shows to this process; 0 without a driver."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value
