"""Values that say where to read or write, or by what to divide, and are wrong. None of them may end the process."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tests.engines.litert.conftest import Open
from tests.tflite_models import converted

from lightship.errors import FailedPrecondition

pytest.importorskip("ai_edge_litert")

I32, F32 = tf.int32, tf.float32
X = ("x", [None, 3], F32)
DATA = np.arange(6, dtype=np.float32).reshape(2, 3)
LOWEST, HIGHEST = -(2**31), 2**31 - 1
BAD = (5, -1, HIGHEST, LOWEST)

Case = tuple[Callable[..., Any], list[Any], Callable[[int], Mapping[str, Any]]]

# What is converted, its inputs, and what is sent for each bad number.
CHECKED: dict[str, Case] = {
    "GATHER": (tf.gather, [X, ("i", [None], I32)], lambda bad: {"x": DATA, "i": [bad]}),
    "GATHER of strings": (
        tf.gather,
        [("x", [None], tf.string), ("i", [None], I32)],
        lambda bad: {"x": np.array([b"a", b"b"], object), "i": [bad]},
    ),
    "GATHER_ND": (tf.gather_nd, [X, ("i", [None, 2], I32)], lambda bad: {"x": DATA, "i": [[0, bad]]}),
    "SCATTER_ND": (
        lambda i, u: tf.scatter_nd(i, u, [5]),
        [("i", [None, 1], I32), ("u", [None], F32)],
        lambda bad: {"i": [[bad]], "u": np.ones(1, np.float32)},
    ),
    "SPARSE_TO_DENSE": (
        lambda i, v: tf.raw_ops.SparseToDense(sparse_indices=i, output_shape=[4], sparse_values=v, default_value=0.0),
        [("i", [None], I32), ("v", [None], F32)],
        lambda bad: {"i": [bad], "v": np.ones(1, np.float32)},
    ),
    "UNSORTED_SEGMENT_SUM": (
        lambda x, i: tf.math.unsorted_segment_sum(x, i, 3),
        [X, ("i", [None], I32)],
        lambda bad: {"x": DATA, "i": [0, bad]},
    ),
    "SEGMENT_SUM": (tf.math.segment_sum, [X, ("i", [None], I32)], lambda bad: {"x": DATA, "i": [0, bad]}),
    "ONE_HOT": (lambda i: tf.one_hot(i, 4), [("i", [None], I32)], lambda bad: {"i": [bad]}),
    "SLICE": (
        tf.slice,
        [X, ("b", [2], I32), ("s", [2], I32)],
        lambda bad: {"x": DATA, "b": [bad, 0], "s": [1, bad]},
    ),
    "STRIDED_SLICE": (
        tf.strided_slice,
        [X, ("b", [2], I32), ("e", [2], I32), ("s", [2], I32)],
        lambda bad: {"x": DATA, "b": [bad, 0], "e": [9, bad], "s": [1, bad]},
    ),
    "RESHAPE": (tf.reshape, [X, ("s", [None], I32)], lambda bad: {"x": DATA, "s": [bad, bad]}),
    "TRANSPOSE": (tf.transpose, [X, ("p", [2], I32)], lambda bad: {"x": DATA, "p": [0, bad]}),
    "TOPK_V2": (lambda x, k: tf.math.top_k(x, k)[0], [X, ("k", [], I32)], lambda bad: {"x": DATA, "k": bad}),
    "CUMSUM": (tf.cumsum, [X, ("a", [], I32)], lambda bad: {"x": DATA, "a": bad}),
    "ARG_MAX": (tf.argmax, [X, ("a", [], I32)], lambda bad: {"x": DATA, "a": bad}),
    "SUM": (tf.reduce_sum, [X, ("a", [1], I32)], lambda bad: {"x": DATA, "a": [bad]}),
    "REVERSE_V2": (tf.reverse, [X, ("a", [1], I32)], lambda bad: {"x": DATA, "a": [bad]}),
    "EXPAND_DIMS": (tf.expand_dims, [X, ("a", [], I32)], lambda bad: {"x": DATA, "a": bad}),
    "SPLIT_V": (lambda x, n: tf.split(x, n, 0)[0], [X, ("n", [2], I32)], lambda bad: {"x": DATA, "n": [bad, 1]}),
    "FLOOR_DIV": (tf.math.floordiv, [("a", [1], I32), ("b", [1], I32)], lambda bad: {"a": [LOWEST], "b": [bad]}),
    "DIV by zero": (
        lambda a, b: tf.raw_ops.Div(x=a, y=b),
        [("a", [1], I32), ("b", [1], I32)],
        lambda bad: {"a": [bad], "b": [0]},
    ),
    "FLOOR_MOD of 16 bits": (
        tf.math.floormod,
        [("a", [1], tf.int16), ("b", [1], tf.int16)],
        lambda bad: {"a": np.array([-(2**15)], np.int16), "b": np.array([-1 if bad < 0 else 0], np.int16)},
    ),
    "RIGHT_SHIFT": (tf.bitwise.right_shift, [("a", [1], I32), ("b", [1], I32)], lambda bad: {"a": [8], "b": [bad]}),
    "BATCH_TO_SPACE_ND": (
        lambda x, b: tf.batch_to_space(x, [2, 2], b),
        [("x", [4, 2, 2, 1], F32), ("b", [2, 2], I32)],
        lambda bad: {"x": np.ones((4, 2, 2, 1), np.float32), "b": [[bad, 0], [0, 0]]},
    ),
}

# What ends the process with some values, or takes all memory, so that these files are refused.
REFUSED: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "FLOOR_MOD": (tf.math.floormod, [("a", [None], I32), ("b", [None], I32)]),
    "REVERSE_SEQUENCE": (lambda x, n: tf.reverse_sequence(x, n, 1, batch_axis=0), [X, ("n", [None], I32)]),
    "BROADCAST_ARGS": (tf.broadcast_dynamic_shape, [("a", [None], I32), ("b", [None], I32)]),
    "RANDOM_UNIFORM": (tf.random.uniform, [("s", [None], I32)]),
    "FILL": (lambda s: tf.fill(s, 1.0), [("s", [None], I32)]),
    "RANGE": (tf.range, [("a", [], I32), ("b", [], I32), ("c", [], I32)]),
    "TILE": (tf.tile, [X, ("s", [2], I32)]),
    "PAD": (tf.pad, [X, ("p", [2, 2], I32)]),
    "BROADCAST_TO": (tf.broadcast_to, [X, ("s", [2], I32)]),
    "RESIZE_BILINEAR": (tf.image.resize, [("x", [None, 4, 4, 1], F32), ("s", [2], I32)]),
    "NON_MAX_SUPPRESSION_V4": (
        tf.image.non_max_suppression,
        [("x", [None, 4], F32), ("s", [None], F32), ("m", [], I32)],
    ),
    "MATRIX_SET_DIAG": (tf.linalg.set_diag, [("x", [None, 3, 3], F32), ("d", [None, 3], F32)]),
}

RUN = """
import pickle, sys
from pathlib import Path
import numpy as np
from lightship.engines import EngineOptions, load_engine
from lightship.errors import InvalidArgument
from lightship.saved_model.version_model import read_model

for name, folder, calls in pickle.loads(Path(sys.argv[1]).read_bytes()):
    model = read_model(Path(folder))
    engine = load_engine(Path(folder), model, EngineOptions(trust=True, tflite_interpreters=1))
    types = {key: spec.dtype.numpy for key, spec in model.signatures["serving_default"].inputs.items()}
    for call in calls:
        print(name, call, flush=True)
        try:
            engine.run("serving_default", {key: np.asarray(value, types[key]) for key, value in call.items()})
        except InvalidArgument:
            pass
    engine.close()
print("all are answered or refused")
"""


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


def test_bad_values_are_answered_or_refused(versions: Path) -> None:
    work = []
    for index, (name, (function, inputs, sent)) in enumerate(CHECKED.items()):
        folder = versions / str(index) / "1"
        folder.mkdir(parents=True)
        (folder / "model.tflite").write_bytes(converted(_named(function), *inputs))
        work.append((name, str(folder), [sent(bad) for bad in BAD]))
    (versions / "work").write_bytes(pickle.dumps(work))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(versions / "work")], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all are answered or refused"), done.stderr[-2000:]


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_end_the_process_is_refused_by_name(opened: Open, name: str) -> None:
    function, inputs = REFUSED[name]
    with pytest.raises(FailedPrecondition, match=f"LiteRT's {name} .*--allow-unproven {name} lets it run"):
        opened(converted(_named(function), *inputs))


def test_sizes_may_come_from_the_shapes_of_a_request(opened: Open) -> None:
    def padded(x: Any) -> Any:
        rows = tf.shape(x)[0]
        return tf.concat([x, tf.zeros([rows, 1])], 1) + tf.cast(tf.range(rows) % 2, F32)[:, None]

    answer = opened(converted(_named(padded), X)).run("serving_default", {"x": DATA})["y"]
    np.testing.assert_array_equal(answer, padded(DATA))


def test_it_runs_if_that_is_allowed(opened: Open) -> None:
    function, inputs = REFUSED["FLOOR_MOD"]
    engine = opened(converted(_named(function), *inputs), allow_unproven=frozenset({"FLOOR_MOD"}))
    answer = engine.run("serving_default", {"a": np.array([7], np.int32), "b": np.array([-3], np.int32)})["y"]
    assert answer.tolist() == [-2]


def test_it_runs_with_operands_that_are_constants(opened: Open) -> None:
    engine = opened(converted(lambda a: {"y": a % 3}, ("a", [None], I32)))
    assert engine.run("serving_default", {"a": np.array([LOWEST, 7], np.int32)})["y"].tolist() == [LOWEST % 3, 1]


def _named(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: {"y": function(*given)}
