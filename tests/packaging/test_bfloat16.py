"""A model that computes in bfloat16 is served: its answers are compared with the steps of that type in mind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lightship.bundle.bundle import open_bundle
from lightship.engines import load_engine
from lightship.engines.precision.golden_check import check_golden

pytestmark = pytest.mark.tensorflow

# As training does, with TensorFlow's faster kernels. Servers use others, because those may end the process.
EXPORT = """
import sys, keras, lightship
keras.utils.set_random_seed(0)
keras.config.set_dtype_policy(sys.argv[1])
layers = [keras.Input((20,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(1)]
model = keras.Sequential(layers)
notes = []
print(lightship.export(model, sys.argv[2], progress=notes.append))
needed = [one for one in notes if one.startswith("servers need TensorFlow for this model: Cast of these types")]
assert bool(needed) == (sys.argv[1] != "float32"), notes
"""


@pytest.mark.parametrize(("policy", "rtol"), [("mixed_bfloat16", 0.05), ("mixed_float16", 1e-3), ("float32", 1e-3)])
def test_it_is_served_with_other_kernels_than_it_was_trained_with(tmp_path: Path, policy: str, rtol: float) -> None:
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"}
    command = [sys.executable, "-c", EXPORT, policy, str(tmp_path / "m")]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300)
    bundle = open_bundle(Path(done.stdout.strip().splitlines()[-1]), "m", 1)
    assert bundle.golden is not None
    assert bundle.golden.rtol == rtol
    engine = load_engine(bundle.path, bundle.saved_model)
    try:
        check_golden(bundle, engine)
    finally:
        engine.close()
    wrong = {name: array * 1.2 for name, array in bundle.golden.outputs.items()}
    assert bundle.golden.compare(wrong) is not None
