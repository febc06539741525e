"""What the engine gains from cores, streams and batches: images a second, and the memory of a compiled model.

Needs nothing but openvino, numpy and SavedModels. Each number of cores has a process of its own, whose affinity names
that many cores, each of another physical core where there are enough.

Usage: python -m benchmarks.engine_scaling [NAME=]FOLDER... [--cores 1,2,4,8] [--batches 1,2,4,8,16,32] [--seconds 170]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}
ONE_ROW = "1 row"  # the model that is compiled for one row, as the server does where that is faster
_LEAST_RUNS = 2  # of each infer request
_SHARE = 0.6  # of the time is measured; the rest is for compiling, and for first runs
_MAX_IMAGES = 64  # in all streams at once: no more calls than this wait


def main() -> None:
    options = _options()
    if options.worker:
        _work(options)
        return
    folders = dict(_named(folder) for folder in options.folders)
    cores = [number for number in options.cores if number <= len(os.sched_getaffinity(0))]
    cells = sum(len(_batches(options, streams)) + 1 for number in cores for streams in _streams(number))
    print(f"{os.cpu_count()} processors, {len(os.sched_getaffinity(0))} for this process; images a second", flush=True)
    for name, folder in folders.items():
        end = time.monotonic() + options.seconds / len(folders)
        print(f"\n{name}\n{'cores':>5} {'streams':>7} {'MB':>5} {'compile':>8}", end="")
        print("".join(f"{title:>9}" for title in (ONE_ROW, *options.batches)), flush=True)
        for number in sorted(cores, reverse=True):
            _measure(folder, number, options, _SHARE * options.seconds / len(folders) / cells, end)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", help="version folders; none means those of benchmarks.models")
    parser.add_argument("--cores", type=_numbers, default=[1, 2, 4, 8])
    parser.add_argument("--batches", type=_numbers, default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--seconds", type=float, default=170.0, help="for all; what does not fit is left out")
    parser.add_argument("--cell", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.folders:
        from benchmarks.models import made

        options.folders = [f"{name}={made() / name / '1'}" for name in ("mobilenet", "resnet")]
    return options


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _named(text: str) -> tuple[str, Path]:
    name, _, folder = text.rpartition("=")
    path = Path(folder)
    if not (path / "saved_model.pb").is_file():
        sys.exit(f"{path} has no saved_model.pb; give a version folder such as models/dog/1")
    return name or str(path), path


def _streams(cores: int) -> list[int]:
    """1, 2, 4 ... and as many as there are cores."""
    return sorted({1, cores, *(1 << power for power in range(cores.bit_length()) if 1 << power < cores)})


def _batches(options: argparse.Namespace, streams: int) -> list[int]:
    return [batch for batch in options.batches if batch * streams <= _MAX_IMAGES]


def _measure(folder: Path, cores: int, options: argparse.Namespace, cell: float, end: float) -> None:
    """Runs the worker for this number of cores, and prints its rows as they come."""
    batches = ",".join(map(str, options.batches))
    arguments = [str(folder), "--worker", "--cores", str(cores), "--batches", batches, "--cell", str(cell)]
    seconds = max(0.0, end - time.monotonic())
    command = [sys.executable, __file__, *arguments, "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            _print(cores, json.loads(line))


def _print(cores: int, row: dict[str, Any]) -> None:
    rates = "".join(f"{rate:9.1f}" if rate else f"{'-':>9}" for rate in row["rates"])
    print(f"{cores:5} {row['streams']:7} {row['megabytes']:5.0f} {row['seconds']:7.2f}s{rates}", flush=True)


def _work(options: argparse.Namespace) -> None:
    """Measures one model on one number of cores. The affinity is set before OpenVINO is imported."""
    (cores,), end = options.cores, time.monotonic() + options.seconds
    os.sched_setaffinity(0, _cores(cores))
    for streams in _streams(cores):
        print(json.dumps(_row(Path(options.folders[0]), cores, streams, options, end)), flush=True)


def _row(folder: Path, cores: int, streams: int, options: argparse.Namespace, end: float) -> dict[str, Any]:
    core, model = _core_and_model(folder)
    wanted = {**PRECISION, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": cores}
    before, start = _resident(), time.monotonic()
    compiled = core.compile_model(model, "CPU", wanted)
    seconds, rates = time.monotonic() - start, []
    shape = [dimension.get_length() for dimension in list(compiled.inputs[0].partial_shape)[1:]]
    for _ in _requests(compiled, (1, *shape), streams):
        pass  # the memory of one run in each stream counts
    megabytes = _resident() - before
    one_row = model.clone()
    one_row.reshape([1, *shape])
    alone = core.compile_model(one_row, "CPU", wanted)
    for batch, runner in ((1, alone), *((batch, compiled) for batch in _batches(options, streams))):
        left = end - time.monotonic()
        rates.append(_rate(runner, (batch, *shape), streams, options.cell) if left > options.cell else 0.0)
    return {"streams": streams, "megabytes": megabytes, "seconds": seconds, "rates": rates}


def _core_and_model(folder: Path) -> tuple[Any, Any]:
    sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # it reports over the network
    import openvino

    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})
    return core, core.read_model(str(folder))


def _requests(compiled: Any, shape: Sequence[int], number: int) -> Iterator[Any]:
    """Yields infer requests of random images that have run once."""
    images = np.random.default_rng(0).random(shape, dtype=np.float32)
    for _ in range(number):
        request = compiled.create_infer_request()
        request.infer({0: images})
        yield request


def _rate(compiled: Any, shape: Sequence[int], streams: int, seconds: float) -> float:
    """Images a second, with one thread for each stream that waits for its run and starts the next."""
    requests = list(_requests(compiled, shape, streams))
    counts, begin = [0] * streams, threading.Barrier(streams + 1)
    until = [0.0]

    def run(index: int) -> None:
        begin.wait()
        while counts[index] < _LEAST_RUNS or time.monotonic() < until[0]:
            requests[index].infer(None, share_inputs=True, share_outputs=True)
            counts[index] += 1

    threads = [threading.Thread(target=run, args=(index,)) for index in range(streams)]
    for thread in threads:
        thread.start()
    start = time.monotonic()
    until[0] = start + seconds
    begin.wait()
    for thread in threads:
        thread.join()
    return sum(counts) * shape[0] / (time.monotonic() - start)


def _cores(number: int) -> set[int]:
    """So many processors that this process may use, first one of each physical core."""
    allowed, seen = sorted(os.sched_getaffinity(0)), set[str]()
    first: list[int] = []
    others: list[int] = []
    for processor in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list")
        name = siblings.read_text() if siblings.exists() else str(processor)
        (others if name in seen else first).append(processor)
        seen.add(name)
    return set([*first, *others][:number])


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
