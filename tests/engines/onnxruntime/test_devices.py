"""The options of devices, and of the providers that belong to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightship.engines.base import EngineOptions
from lightship.engines.device import Device, check_device, parse_device
from lightship.engines.onnxruntime import gpus
from lightship.engines.onnxruntime.gpus import chosen_gpus
from lightship.engines.onnxruntime.providers import CPU, CUDA, TENSORRT, gpu_providers
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.tensors.dtypes import DataType

FOR_GPUS = [TENSORRT, CUDA, CPU]


def signature(*shape: int) -> Signature:
    return Signature("s", "", {"x": TensorSpec("x", DataType.DT_FLOAT, shape, "x:0")}, {}, None)


@pytest.mark.parametrize(
    ("text", "device"),
    [("cpu", Device()), ("gpu", Device(True)), ("gpu:1", Device(True, (1,))), ("gpu:2,0", Device(True, (2, 0)))],
)
def test_a_device_is_read(text: str, device: Device) -> None:
    assert parse_device(text) == device


@pytest.mark.parametrize(
    "text", ["", "GPU", "gpu:", "gpu:1,", "gpu:a", "gpu:-1", "cuda", "gpu:0,0", "gpu:9999", "cpu:0"]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"'{text}'"):
        parse_device(text)


def test_a_gpu_decides_about_the_engine() -> None:
    assert check_device("cpu", "auto") == "auto"
    assert check_device("gpu:0", "auto") == "onnxruntime"
    with pytest.raises(InvalidArgument, match="tensorflow does not run on the device gpu"):
        check_device("gpu", "tensorflow")


def test_all_gpus_are_chosen_unless_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "count_gpus", lambda: 2)
    assert chosen_gpus(parse_device("gpu")) == (0, 1)
    assert chosen_gpus(parse_device("gpu:1")) == (1,)
    with pytest.raises(FailedPrecondition, match="there is no GPU 2: this process sees 2, numbered from 0 to 1"):
        chosen_gpus(parse_device("gpu:0,2"))


def test_a_machine_without_gpus_is_said_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "count_gpus", lambda: 0)
    with pytest.raises(FailedPrecondition, match="no NVIDIA GPU was found"):
        chosen_gpus(parse_device("gpu"))


def test_float32_is_computed_with_all_its_bits() -> None:
    ((name, options),) = gpu_providers(FOR_GPUS, 1, EngineOptions(), signature(-1, 3), tensorrt=False)
    assert name == CUDA
    assert (options["device_id"], options["use_tf32"]) == ("1", "0")
    assert "gpu_mem_limit" not in options


def test_memory_is_bounded_and_grows_by_what_is_needed() -> None:
    ((_, options),) = gpu_providers(FOR_GPUS, 0, EngineOptions(gpu_memory=1 << 30), signature(-1, 3), tensorrt=False)
    assert (options["gpu_mem_limit"], options["arena_extend_strategy"]) == (str(1 << 30), "kSameAsRequested")


def test_tensorrt_runs_where_it_is_installed_and_knows_the_shapes(tmp_path: Path) -> None:
    given = EngineOptions(cache_dir=tmp_path)
    (first, options), (second, _) = gpu_providers(FOR_GPUS, 0, given, signature(-1, 8, 8, 3), tensorrt=True)
    assert (first, second) == (TENSORRT, CUDA)
    assert options["trt_profile_min_shapes"] == "x:1x8x8x3"
    assert options["trt_profile_max_shapes"] == "x:64x8x8x3"
    assert options["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    assert [name for name, _ in gpu_providers(FOR_GPUS, 0, given, signature(-1, -1), tensorrt=True)] == [CUDA]
    assert [name for name, _ in gpu_providers([CUDA, CPU], 0, given, signature(-1, 3), tensorrt=True)] == [CUDA]


def test_an_onnxruntime_without_cuda_never_runs_on_the_cpu_instead() -> None:
    with pytest.raises(FailedPrecondition, match="pip uninstall onnxruntime, then pip install 'lightship\\[gpu\\]'"):
        gpu_providers([CPU], 0, EngineOptions(), signature(-1, 3), tensorrt=False)
