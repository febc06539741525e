"""The engine for what OpenVINO cannot run."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, load_engine
from lightship.errors import InvalidArgument, LightshipError, NotFound, OutOfRange, ResourceExhausted
from lightship.memory import LongLived
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow


def test_the_graph_of_an_unloaded_model_is_freed_where_the_garbage_collector_does_not_visit_loaded_models(
    odd_version: Path,
) -> None:
    import tensorflow as tf

    def graphs() -> set[weakref.ref[Any]]:
        # By its type: a proxy that refers weakly to something says that it is of the class of that, if it still is.
        return {weakref.ref(found) for found in gc.get_objects() if issubclass(type(found), tf.Graph)}

    before, long_lived = graphs(), LongLived(full_every=1000)
    loaded = load_engine(odd_version, read_saved_model(odd_version), EngineOptions(engine="tensorflow"))
    loaded.run("serving_default", {"x": np.ones(3, np.float32)})
    made = graphs() - before
    assert made
    gc.freeze()
    loaded.close()
    del loaded
    long_lived.changed()
    end = time.monotonic() + 60
    while any(graph() is not None for graph in made):
        assert time.monotonic() < end, "a graph is still there"
        threading.Event().wait(0.02)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 1)])
def test_declared_shapes_are_not_enforced(reference: Engine, shape: tuple[int, ...]) -> None:
    x = np.ones(shape, np.float32)
    assert reference.run("serving_default", {"x": x})["y"].tolist() == (0.5 * x + 2).tolist()


def test_strings_are_bytes(reference: Engine) -> None:
    joined = reference.run("joined", {"x": np.array([b"\xff\x00", b""], object)})["y"]
    assert joined.dtype == object
    assert joined.tolist() == [b"\xff\x00\xff\x00", b""]


def test_tables_are_initialized(reference: Engine) -> None:
    assert reference.run("lookup", {"x": np.array([b"b", b"?"], object)})["y"].tolist() == [2.0, -1.0]


def test_an_output_may_be_an_input(reference: Engine) -> None:
    x = np.ones((2, 2), np.float32)
    assert reference.run("same", {"x": x}, ["itself"])["itself"].tolist() == x.tolist()


def test_its_errors_keep_code_and_text(reference: Engine) -> None:
    with pytest.raises(InvalidArgument) as caught:
        reference.run("dense", {"x": np.ones((1, 5), np.float32)})
    text = r"Matrix size-incompatible: In\[0\]: \[1,5\], In\[1\]: \[4,2\]\n\t \[\[.*\{\{node matmul\}\}\]\]"
    assert re.fullmatch(text, caught.value.message), caught.value.message


@pytest.mark.parametrize("signature", ["joined", "as_text", "serving_default"])
def test_more_dimensions_than_it_can_take_are_refused(engine: Engine, reference: Engine, signature: str) -> None:
    """TensorFlow ends the process on texts of 33 dimensions."""
    dtype = object if signature == "joined" else np.float32
    few, many = (np.full((1,) * rank, b"a" if dtype is object else 1, dtype) for rank in (32, 33))
    assert reference.run(signature, {"x": few})["y"].shape == few.shape
    for one in (engine, reference):
        with pytest.raises(InvalidArgument, match='^input "x" has 33 dimensions; the limit is 32'):
            one.run(signature, {"x": many})


def test_a_single_text_keeps_its_zeros(engine: Engine) -> None:
    (first,) = engine.run("first", {"x": np.array([b"a\0", b"b"], object)}).values()
    assert (first.dtype, first.shape, first.item()) == (object, (), b"a\0")


@pytest.mark.parametrize(
    ("signature", "value", "kind", "text"),
    [
        ("number", b"two", InvalidArgument, "StringToNumberOp could not correctly convert string: two"),
        ("number", b"\xfe", InvalidArgument, r"StringToNumberOp could not correctly convert string: \xfe"),
        ("file", b"/no/such/file", NotFound, "/no/such/file; No such file or directory"),
        ("filled", 10**14, ResourceExhausted, "OOM when allocating tensor with shape[100000000000000]"),
        ("filled", -1, InvalidArgument, "Dimension -1 must be >= 0"),
        ("next", 1.0, OutOfRange, "End of sequence"),
    ],
)
def test_every_code_comes_through(
    engine: Engine, signature: str, value: bytes | float, kind: type[Exception], text: str
) -> None:
    dtype = {"filled": np.int64, "next": np.float32}.get(signature, object)
    with pytest.raises(kind) as caught:
        engine.run(signature, {"x": np.array([value], dtype)})
    assert str(caught.value).startswith(text)
    assert "\n\t [[{{" in str(caught.value)


def test_broken_weights_are_an_error_that_names_the_folder(half_plus_two: Path, tmp_path: Path) -> None:
    version = tmp_path / "1"
    version.mkdir()
    (version / "saved_model.pb").write_bytes((half_plus_two / "123" / "saved_model.pb").read_bytes())
    with pytest.raises(LightshipError, match=f"TensorFlow cannot load {version}"):
        load_engine(version, read_saved_model(version), EngineOptions(engine="tensorflow"))


def test_weights_cut_short_are_an_error_in_the_runtimes_words(odd_version: Path, tmp_path: Path) -> None:
    version = tmp_path / "1"
    shutil.copytree(odd_version, version)
    os.truncate(version / "variables" / "variables.data-00000-of-00001", 100)
    with pytest.raises(LightshipError) as caught:
        load_engine(version, read_saved_model(version), EngineOptions(engine="tensorflow"))
    assert caught.value.message.startswith(f"TensorFlow cannot load {version}: Read less bytes than requested\n\t [[")


WRONG_RANK = """
import sys, numpy
from pathlib import Path
from lightship.saved_model.reader import read_saved_model
from lightship.engines import EngineOptions, load_engine
from lightship.errors import InvalidArgument
version = Path(sys.argv[1])
engine = load_engine(version, read_saved_model(version), EngineOptions(engine="tensorflow"))
try:
    engine.run("conv", {"x": numpy.ones((3, 8), "float32")})
except InvalidArgument as error:
    print("refused")
"""


def test_an_image_of_another_rank_does_not_end_the_process(odd_version: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-c", WRONG_RANK, str(odd_version)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert ended.stdout == "refused\n", ended.stderr
