"""TensorFlow loads a version once to compare all of its signatures, and anew when its files have changed."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tests.changing_models import save_counting_model

from lightship.engines import EngineOptions, against_tensorflow
from lightship.engines.against_tensorflow import Reference, compared_with_tensorflow
from lightship.engines.base import CannotRun
from lightship.engines.tensorflow import TensorFlowModel
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow

TOY = Path(__file__).parents[1] / "models" / "half_plus_two" / "123"
OPTIONS = EngineOptions()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TOY, tmp_path / "1"))


@pytest.fixture
def reference() -> Iterator[Reference]:
    with closing(Reference()) as made:
        yield made


def _loaded(reference: Reference, folder: Path) -> TensorFlowModel:
    with reference.of(folder, read_saved_model(folder), OPTIONS) as loaded:
        return loaded


def _compared(reference: Reference, folder: Path, add: float) -> bool:
    """Compares an engine that computes x / 2 + `add` with TensorFlow."""
    model = read_saved_model(folder)
    return compared_with_tensorflow(
        "an engine",
        lambda _: [lambda inputs: {"y": inputs["x"] * np.float32(0.5) + np.float32(add)}],
        folder,
        model,
        model.signatures["serving_default"],
        OPTIONS,
        (1e-5, 1e-6),
        reference,
    )


def test_signatures_of_the_same_files_are_compared_with_one_model(version: Path, reference: Reference) -> None:
    first = _loaded(reference, version)
    assert _loaded(reference, version) is first
    assert _compared(reference, version, 2.0)
    with pytest.raises(CannotRun, match="an engine's answers differ from TensorFlow's"):
        _compared(reference, version, 2.5)
    assert _loaded(reference, version) is not first  # after an error nothing is kept


def test_changed_files_are_loaded_again(version: Path, reference: Reference) -> None:
    first = _loaded(reference, version)
    file = version / "saved_model.pb"
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    second = _loaded(reference, version)
    assert second is not first
    with pytest.raises((RuntimeError, LightshipError)):  # its session is closed
        first.program(read_saved_model(version).signatures["serving_default"]).run({"x": np.ones(1, "f")}, ["y"])
    assert _loaded(reference, version) is second
    assert _loaded(reference, TOY) is not second


def test_other_threads_are_other_options(version: Path, reference: Reference) -> None:
    model, first = read_saved_model(version), _loaded(reference, version)
    with reference.of(version, model, EngineOptions(threads=1)) as loaded:
        assert loaded is not first


def test_a_version_whose_signatures_change_variables_is_not_kept(tmp_path: Path, reference: Reference) -> None:
    save_counting_model(tmp_path / "1")
    first = _loaded(reference, tmp_path / "1")
    assert _loaded(reference, tmp_path / "1") is not first


def test_a_large_version_is_not_kept(version: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against_tensorflow, "_MAX_KEPT_BYTES", 1)
    first = _loaded(reference, version)
    assert _loaded(reference, version) is not first


def test_a_helper_sets_tensorflow_aside_from_the_garbage_collector() -> None:
    """A full collection, of which there is one after each request, takes 0.2 s otherwise."""
    script = f"""
import gc
from pathlib import Path
from lightship.engines import EngineOptions
from lightship.engines.against_tensorflow import Reference
from lightship.saved_model.reader import read_saved_model

folder = Path({str(TOY)!r})
with Reference(in_helper=True).of(folder, read_saved_model(folder), EngineOptions()):
    print(gc.isenabled(), gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 100_000)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True"] * 3


def test_elsewhere_tensorflow_is_not_set_aside(version: Path, reference: Reference) -> None:
    before = gc.get_freeze_count()
    _loaded(reference, version)
    assert gc.get_freeze_count() == before


def test_files_that_are_removed_meanwhile_are_no_error_here(version: Path, reference: Reference) -> None:
    with reference.of(version, read_saved_model(version), OPTIONS) as loaded:
        shutil.rmtree(version)
        program = loaded.program(read_saved_model(TOY).signatures["serving_default"])
        assert program.run({"x": np.ones(1, np.float32)}, ["y"])["y"].size == 1
