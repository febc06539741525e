"""The server, and the models whose versions are made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.attacks.payloads import post
from benchmarks.attacks.target import Models, serving
from benchmarks.models import made as benchmark_models
from demo.assets import fetch

from fuzz.models import FOLDER, ROOT, made
from fuzz.versions.turn import Model, Turn


def models() -> tuple[Model, ...]:
    """One without a manifest, and one with it."""
    made()
    small = post("/v1/models/toy:predict", b'{"instances": [[1.0, 2.0, 3.0, 4.0]]}')
    photo = post("/v1/models/dog:predict", fetch().photo.read_bytes(), "Content-Type: image/jpeg")
    return Model("toy", benchmark_models() / "toy" / "1", small), Model("dog", FOLDER / "dog" / "1", photo)


@contextmanager
def served(root: Path, chosen: tuple[Model, ...]) -> Iterator[Turn]:
    """A server of these models, of which only version 1 is there. It has no TensorFlow, which checks weights."""
    for model in chosen:
        shutil.copytree(model.version, root / model.name / "1")
    toy, *others = (root / model.name for model in chosen)
    paths = (ROOT / "tests" / "without_tensorflow", ROOT / "src", os.environ.get("PYTHONPATH", ""))
    hidden = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    with serving(Models(toy, 0, others=others), environment=hidden) as server:
        yield Turn(server, root, chosen)
