"""What stays in a process of the models that it has unloaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

# 13 MB of weights: large enough to be seen, and less than what a server keeps in each arena.
MODEL = """
import sys
import keras

model = keras.Sequential([keras.Input((3400,)), *[keras.layers.Dense(side) for side in (900, 300, 10)]])
model.export(sys.argv[1], verbose=False)
"""
CYCLES = """
import gc, json, sys, threading
from pathlib import Path
import numpy as np
from lightship.lifecycle.loader import load_servable
from lightship.lifecycle.servable import ServableId
from lightship.memory import keep_freed_memory, release_freed_memory

def cycle():
    servable = load_servable(ServableId("m", 1), Path(sys.argv[1]))
    (name,) = servable.signature("serving_default").inputs
    servable.engine.run("serving_default", {name: np.ones((1, 3400), np.float32)})
    servable.close()

def resident():
    gc.collect()
    release_freed_memory()
    (kilobytes,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon"))
    return int(kilobytes) / 1024

keep_freed_memory()
megabytes = []
for _ in range(int(sys.argv[2])):
    threads = [threading.Thread(target=cycle) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    megabytes.append(resident())
print(json.dumps(megabytes))
"""


def test_unloaded_models_leave_nothing_in_the_arenas_of_the_threads_that_loaded_them(tmp_path: Path) -> None:
    version = tmp_path / "m" / "1"
    subprocess.run([sys.executable, "-c", MODEL, str(version)], check=True, env=os.environ, timeout=300)
    done = subprocess.run(
        [sys.executable, "-c", CYCLES, str(version), "12"], check=True, capture_output=True, text=True, timeout=300
    )
    megabytes = json.loads(done.stdout)
    assert max(megabytes) < megabytes[0] + 8, megabytes
