"""Reads `--device`: where models run."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightship.errors import InvalidArgument

# The only engine that runs on GPUs.
ON_GPUS = "onnxruntime"

_GPUS = re.compile(r"gpu(?::(\d{1,3}(?:,\d{1,3})*))?")


@dataclass(frozen=True, slots=True)
class Device:
    """Where models run: on the CPU, or on GPUs."""

    gpu: bool = False
    # The numbers of the GPUs; none means all that this process can see.
    numbers: tuple[int, ...] = ()


def parse_device(text: str) -> Device:
    """Reads `cpu`, `gpu` for all GPUs, or `gpu:0,1` for some. Raises InvalidArgument for anything else."""
    if text == "cpu":
        return Device()
    match = _GPUS.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"the device is {text!r}; give cpu, gpu for all GPUs, or their numbers, such as gpu:0,1")
    numbers = tuple(int(number) for number in match[1].split(",")) if match[1] else ()
    if len(set(numbers)) < len(numbers):
        raise InvalidArgument(f"the device {text!r} names a GPU twice: name each once")
    return Device(True, numbers)


def check_device(text: str, engine: str) -> str:
    """Returns the name of the engine for this device: only onnxruntime runs on GPUs.

    Raises InvalidArgument for an invalid device, and for a GPU together with another engine.
    """
    if not parse_device(text).gpu or engine == ON_GPUS:
        return engine
    if engine != "auto":
        raise InvalidArgument(
            f"the engine {engine} does not run on the device {text}; leave the engine out, or choose {ON_GPUS}"
        )
    return ON_GPUS
