"""Models are computed by as many threads as this process may use processors, however many the machine has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engines.openvino.asking import Ask, save

pytestmark = pytest.mark.tensorflow

PROCESSORS = sorted(os.sched_getaffinity(0))

# Runs a model, and counts the threads that computed.
CODE = """
import json, os, sys
from contextlib import suppress
from pathlib import Path
import numpy as np
from lightship import processors
version, place, streams = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
processors.cpu_quota.__defaults__ = (place / "membership", place / "cgroups")
from lightship.engines.base import EngineOptions
from lightship.engines.openvino.building import build_models
from lightship.saved_model.reader import read_saved_model

def used():
    tasks = {}
    for task in os.listdir("/proc/self/task"):
        with suppress(OSError):  # it has ended
            tasks[task] = int(Path(f"/proc/self/task/{task}/schedstat").read_text().split()[0])
    return tasks

signature = read_saved_model(version).signatures["serving_default"]
compiled = build_models(version, signature, EngineOptions(), ["declared"], streams).models["declared"]
images = {"x": np.random.default_rng(0).random((8, 64, 64, 16), np.float32)}
compiled.run(images, compiled.outputs)
before = used()
for _ in range(20):
    compiled.run(images, compiled.outputs)
grown = {task: seconds - before.get(task, 0) for task, seconds in used().items()}
threads = sum(seconds > 0.05 * sum(grown.values()) for seconds in grown.values())
print(json.dumps({"threads": threads, "told": compiled.threads, "all": len(grown)}))
"""


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np
    import tensorflow as tf

    filters = np.random.default_rng(0).normal(size=(3, 3, 16, 64)).astype(np.float32)
    graph = Ask(lambda x: tf.nn.relu(tf.nn.conv2d(x, filters, 1, "SAME")), [("x", "float32", [None, 64, 64, 16])], [])
    return save(graph, tmp_path_factory.mktemp("threads") / "1")


def counted(version: Path, place: Path, processors: list[int], quota: str = "max", streams: int = 1) -> Any:
    (place / "cgroups").mkdir()
    (place / "cgroups" / "cpu.max").write_text(f"{quota} 100000\n")
    (place / "membership").write_text("0::/\n")
    command = ["taskset", "-c", ",".join(map(str, processors)), sys.executable, "-c", CODE]
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *sys.path])
    arguments = [str(version), str(place), str(streams)]
    answer = subprocess.run(
        [*command, *arguments], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)


def test_the_affinity_limits_the_threads(version: Path, tmp_path: Path) -> None:
    found = counted(version, tmp_path, PROCESSORS[:1])
    assert (found["threads"], found["told"]) == (1, 1)


@pytest.mark.skipif(len(PROCESSORS) < 2, reason="needs two processors")
@pytest.mark.parametrize(("quota", "threads"), [("100000", 1), ("50000", 1), ("150000", 2), ("max", len(PROCESSORS))])
def test_the_time_that_control_groups_grant_limits_the_threads(
    version: Path, tmp_path: Path, quota: str, threads: int
) -> None:
    found = counted(version, tmp_path, PROCESSORS, quota)
    assert found["told"] <= threads  # of processors with two threads each, one is used
    assert 1 <= found["threads"] <= threads


@pytest.mark.skipif(len(PROCESSORS) < 2, reason="needs two processors")
def test_streams_share_the_processors_that_were_granted(version: Path, tmp_path: Path) -> None:
    found = counted(version, tmp_path, PROCESSORS, "100000", streams=2)
    assert (found["threads"], found["told"]) == (1, 1)
