"""Lightship on a GPU: batches and callers, in float32 and half precision, beside PyTorch where that is installed.

Makes the models once, below .cache/gpu (TensorFlow and tf2onnx are needed for that), and prints a table in Markdown.
What is timed is the engine with the copies to the device and back, and, for callers, the queue that joins their calls.
There is no transport.

Usage: python -m benchmarks.gpu [--device gpu:0] [--models MobileNetV2,...] [--seconds 3] [--models-folder FOLDER]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.gpu_models import SIZES, export_model, images

ROOT = Path(__file__).parents[1]
BATCHES, CALLERS = (1, 8, 64), (1, 16, 64)
# The network of torchvision that is nearest. It has no ResNet50V2, whose layers are those of ResNet50 in another order.
TORCH = {"MobileNetV2": "mobilenet_v2", "EfficientNetB0": "efficientnet_b0", "ResNet50V2": "resnet50"}
# Runs a batch and returns when the answer is in the memory of this process.
Run = Callable[[Any], object]


def main() -> None:
    options = _options()
    print(f"{_card(options.device)}, {platform.processor() or platform.machine()}; {_versions()}\n")
    print(f"Medians of {options.seconds:g} s each. Batches in ms; callers in calls a second, each of one image.\n")
    header = [*(f"batch {rows}" for rows in BATCHES), *(f"{callers} callers" for callers in CALLERS)]
    print(f"| model | engine | {' | '.join(header)} |\n|---|---|{'---|' * len(header)}", flush=True)
    for name in options.models:
        for engine, opened in _engines(name, options):
            with opened as (batch, call):
                figures = _measured(batch, call, SIZES[name], options.seconds)
            print(f"| {name} | {engine} | {' | '.join(figures)} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="gpu:0", help="as of lightship serve; cpu shows that this command works")
    parser.add_argument("--models", type=lambda text: text.split(","), default=list(SIZES))
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure")
    parser.add_argument("--models-folder", type=Path, default=ROOT / ".cache" / "gpu")
    options = parser.parse_args()
    if unknown := set(options.models) - SIZES.keys():
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(SIZES)}")
    return options


def _engines(name: str, options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Yields what to measure: a title, and a context with a function for a batch and one for a caller's image."""
    version = options.models_folder / name.lower() / "1"
    if not version.exists():
        export_model(name, SIZES[name], options.models_folder)
    for precision in ("f32", "fp16"):
        if (version / "assets.extra" / f"model{'' if precision == 'f32' else '-fp16'}.onnx").exists():
            yield f"Lightship, {precision}", _lightship(version, options.device, precision)
    if find_spec("torchvision") is not None:
        for precision in ("f32", "fp16"):
            yield f"PyTorch {TORCH[name]}, {precision}", _pytorch(name, options.device, precision)


@contextmanager
def _lightship(version: Path, device: str, precision: str) -> Iterator[tuple[Run, Run]]:
    from lightship.batching import Joined
    from lightship.batching.base import EngineCall
    from lightship.bundle.bundle import open_bundle
    from lightship.engines import EngineOptions, load_engine

    bundle = open_bundle(version, version.parent.name, 1)
    given: dict[str, Any] = {"engine": "onnxruntime", "device": device, "precision": precision, "trial_seconds": 600.0}
    options = EngineOptions(**given)
    engine = load_engine(version, bundle.saved_model, options)
    (name,) = bundle.saved_model.signatures["serving_default"].inputs
    try:
        found = next(one for one in engine.reports() if one.signature == "serving_default")
        if found.engine != "onnxruntime":
            raise SystemExit(f"{version} runs on {found.engine}: {found.reason}")
        if precision == "f32" and bundle.golden is not None:  # half precision has been compared with f32
            difference = bundle.golden.compare(engine.run("serving_default", bundle.golden.inputs))
            if difference is not None:
                raise SystemExit(f"{version} gives wrong answers: {difference}")
        queue = Joined(bundle, engine, lambda calls, rows: None)
        try:
            yield (
                lambda rows: engine.run("serving_default", {name: rows}),
                lambda row: queue.run(EngineCall("serving_default", {name: row})),
            )
        finally:
            queue.close()
    finally:
        engine.close()


@contextmanager
def _pytorch(name: str, device: str, precision: str) -> Iterator[tuple[Run, Run]]:
    """PyTorch without joining: what a server does that gives each caller's image to the model by itself."""
    import torch
    import torchvision

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    place = torch.device("cpu" if device == "cpu" else f"cuda:{device.partition(':')[2].partition(',')[0] or 0}")
    dtype = torch.float32 if precision == "f32" else torch.float16
    model = getattr(torchvision.models, TORCH[name])(num_classes=19).eval().to(place, dtype)
    model = model.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(rows: Any) -> Any:
        tensor = torch.from_numpy(rows).to(place, dtype).permute(0, 3, 1, 2)
        return model(tensor).float().cpu().numpy()

    yield run, run


def _measured(batch: Run, call: Run, size: int, seconds: float) -> list[str]:
    figures = [f"{1000 * _median(partial(batch, images(rows, size)), seconds):.2f}" for rows in BATCHES]
    return figures + [f"{_rate(partial(call, images(1, size)), callers, seconds):.0f}" for callers in CALLERS]


def _median(run: Callable[[], object], seconds: float) -> float:
    """Returns the median seconds of a run, after some that do not count."""
    times = []
    for _ in range(3):
        run()
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _rate(call: Callable[[], object], callers: int, seconds: float) -> float:
    """Returns the calls a second of some threads that call one after the other, after a second that does not count."""
    counts, begun, over = [0] * callers, threading.Event(), threading.Event()

    def work(number: int) -> None:
        while not over.is_set():
            call()
            counts[number] += begun.is_set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    time.sleep(min(1.0, seconds))
    begun.set()
    start = time.perf_counter()
    time.sleep(seconds)
    over.set()
    took = time.perf_counter() - start
    for thread in threads:
        thread.join()
    return sum(counts) / took


def _card(device: str) -> str:
    """Returns the names of the GPUs, as NVIDIA's driver gives them."""
    if device == "cpu":
        return "no GPU (this is onnxruntime's CPU provider)"
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return "; ".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"a GPU whose name is unknown ({error})"


def _versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found: Mapping[str, str | None] = {}
    for package in ("onnxruntime-gpu", "onnxruntime", "torch"):
        try:
            found = {**found, package: version(package)}
        except PackageNotFoundError:
            continue
    return ", ".join(f"{name} {number}" for name, number in found.items())


if __name__ == "__main__":
    main()
