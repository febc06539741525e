"""OpenVINO's answers, held against TensorFlow's, for shapes declared and not."""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, choose, load_engine
from lightship.engines.base import CannotRun
from lightship.engines.openvino import OpenVINOProgram, compiled
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.variants import MAX_SHAPES, MAX_VARIANTS
from lightship.engines.precision import why_missing
from lightship.engines.trial import TrialFailed
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import read_saved_model


def same(engine: Engine, reference: Engine, signature: str, **inputs: Any) -> None:
    wanted = reference.run(signature, inputs)
    got = engine.run(signature, inputs)
    assert got.keys() == wanted.keys()
    for name, array in wanted.items():
        assert got[name].dtype == array.dtype
        assert got[name].shape == array.shape
        np.testing.assert_allclose(got[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (0, 1)])
def test_declared_shapes(engine: Engine, reference: Engine, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    same(engine, reference, "serving_default", x=rng.random(shape, np.float32))


def test_shapes_for_which_nothing_can_be_compiled_are_refused(odd_version: Path) -> None:
    signature = read_saved_model(odd_version).signatures["serving_default"]
    program = OpenVINOProgram(odd_version, signature, EngineOptions())
    with pytest.raises(CannotRun, match="Reshape|rank|dimensions|compile"):
        program.run({"x": np.ones([1] * 33, np.float32)}, ["y"])


@pytest.mark.parametrize("shape", [(), (3,), (7,), (2, 3), (2, 1, 2), (0,), (2, 0)])
def test_other_ranks_and_sizes(
    engine: Engine, reference: Engine, rng: np.random.Generator, shape: tuple[int, ...]
) -> None:
    same(engine, reference, "serving_default", x=rng.random(shape, np.float32))


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        ("conv", (2, 8, 8, 3)),
        ("conv", (2, 11, 5, 3)),
        ("conv", (0, 8, 8, 3)),
        ("dense", (3, 4)),
        ("fixed", (2, 4)),
        ("fixed", (3, 4)),
        ("free_dense", (3, 4)),
        ("transposed", (4, 3)),
        ("scalar", ()),
        ("scalar", (3,)),
        ("unknown_rank", (2, 3)),
        ("unknown_rank", ()),
        ("positions", (6,)),
        ("total", (3, 2)),
        ("same", (3, 2)),
        ("named_alike", (3, 2)),
    ],
)
def test_what_operations_take(
    engine: Engine, reference: Engine, rng: np.random.Generator, signature: str, shape: tuple[int, ...]
) -> None:
    same(engine, reference, signature, x=rng.random(shape, np.float32) - np.float32(0.5))


@pytest.mark.parametrize(
    ("signature", "shape", "expected", "reason"),
    [
        ("dense", (1, 5), "[?, 4]", "dimension=5"),
        ("dense", (1, 3), "[?, 4]", "dimension=3"),
        ("dense", (4,), "[?, 4]", ""),
        # The compiled model would read beyond the input here and answer.
        ("free_dense", (1, 3), None, "dimension=3"),
        ("transposed", (3, 3), None, "dimension=3"),
        ("conv", (9, 9, 3), "[?, 8, 8, 3]", "rank"),
        ("conv", (1, 8, 8, 4), "[?, 8, 8, 3]", r"channel count \(4\)"),
    ],
)
def test_what_operations_refuse(
    alone: Engine, signature: str, shape: tuple[int, ...], expected: str | None, reason: str
) -> None:
    sizes = ", ".join(map(str, shape))
    if expected is None:  # the shape is as declared
        text = rf'^input "x" of shape \[{sizes.replace(" ", "")}\] cannot be computed: .*{reason}'
    else:
        text = rf'^input "x" has shape \[{sizes}\], but {re.escape(expected)} is expected \(.*{reason}.*\)'
    for _ in range(2):  # found out, then remembered
        with pytest.raises(InvalidArgument, match=text):
            alone.run(signature, {"x": np.ones(shape, np.float32)})
    alone.run("serving_default", {"x": np.ones((1, 1), np.float32)})


WRONG = pytest.mark.parametrize(
    ("signature", "shape"), [("dense", (1, 5)), ("free_dense", (1, 3)), ("dense", (4,)), ("conv", (9, 9, 3))]
)


@WRONG
def test_where_tensorflow_is_installed_it_says_what_is_wrong_if_its_texts_are_wanted(
    worded: Engine, reference: Engine, signature: str, shape: tuple[int, ...]
) -> None:
    x = np.ones(shape, np.float32)
    with pytest.raises(InvalidArgument) as expected:
        reference.run(signature, {"x": x})
    with pytest.raises(InvalidArgument) as found:
        worded.run(signature, {"x": x})
    assert found.value.message == expected.value.message


@WRONG
def test_a_shape_that_tensorflow_is_known_to_refuse_is_refused_without_it(
    odd_version: Path, alone: Engine, monkeypatch: pytest.MonkeyPatch, signature: str, shape: tuple[int, ...]
) -> None:
    monkeypatch.setattr(choose, "TensorFlowModel", None)
    x = np.ones(shape, np.float32)
    with pytest.raises(InvalidArgument) as expected:
        alone.run(signature, {"x": x})
    engine = load_engine(odd_version, read_saved_model(odd_version))
    for _ in range(2):  # found out, then remembered
        with pytest.raises(InvalidArgument) as found:
            engine.run(signature, {"x": x})
        assert found.value.message == expected.value.message
    engine.close()


@pytest.mark.parametrize(("shape", "hint"), [((1, 8, 8, 4), False), ((1, 8, 8, 6), True)])
def test_tensorflow_is_recommended_only_for_shapes_that_it_may_answer(
    odd_version: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], hint: bool
) -> None:
    monkeypatch.setattr(choose, "tensorflow_installed", lambda: False)
    engine = load_engine(odd_version, read_saved_model(odd_version))
    with pytest.raises(InvalidArgument) as refused:  # six channels are two groups for a filter of three
        engine.run("conv", {"x": np.ones(shape, np.float32)})
    engine.close()
    assert ("TensorFlow may answer it: pip install" in refused.value.message) is hint


def test_reasons_do_not_name_places_in_openvinos_sources(alone: Engine) -> None:
    with pytest.raises(InvalidArgument) as caught:
        alone.run("conv", {"x": np.ones((9, 9, 3), np.float32)})
    assert "src/" not in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("rows", [(2, 2), (1, 1), (2, 1), (1, 3)])
def test_two_inputs(engine: Engine, reference: Engine, rng: np.random.Generator, rows: tuple[int, int]) -> None:
    a, b = (rng.random((number, 2), np.float32) for number in rows)
    same(engine, reference, "two", a=a, b=b)
    same(engine, reference, "unused", a=a, b=b)


def test_two_inputs_that_do_not_go_together(alone: Engine) -> None:
    a, b = np.ones((2, 2), np.float32), np.ones((3, 2), np.float32)
    with pytest.raises(InvalidArgument, match=r'input "a" of shape \[2,2\], input "b" of shape \[3,2\]'):
        alone.run("two", {"a": a, "b": b})


def test_some_outputs(engine: Engine) -> None:
    ones = np.ones((1, 2), np.float32)
    assert engine.run("two", {"a": ones, "b": ones}, ["difference"])["difference"].tolist() == [[0.0, 0.0]]
    assert list(engine.run("two", {"a": ones, "b": ones}, ["difference"])) == ["difference"]


@pytest.mark.parametrize(("signature", "dtype"), [("boolean", bool), ("half", np.float16), ("int64", np.int64)])
def test_types(engine: Engine, reference: Engine, signature: str, dtype: type) -> None:
    same(engine, reference, signature, x=np.array([0, 1, 3], dtype))


def test_results_are_the_callers_own(engine: Engine) -> None:
    first = engine.run("serving_default", {"x": np.zeros((1, 1), np.float32)})["y"]
    first += 1
    engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})
    assert first.tolist() == [[3.0]]


def test_arrays_need_not_be_contiguous_or_writable(engine: Engine) -> None:
    x = np.arange(8, dtype=np.float32)[::2].reshape(4, 1)
    x.setflags(write=False)
    assert engine.run("serving_default", {"x": x})["y"].ravel().tolist() == [2.0, 3.0, 4.0, 5.0]


def test_integer_division_by_zero_is_refused(engine: Engine, alone: Engine) -> None:
    for one in (engine, alone):
        assert one.run("quotient", {"x": np.array([-3, 5], np.int32)})["y"].tolist() == [-4, 2]
        with pytest.raises(InvalidArgument, match="^Integer division by zero"):
            one.run("quotient", {"x": np.array([0, 5], np.int32)})


def test_threads_do_not_mix_their_answers(engine: Engine) -> None:
    wrong: list[Any] = []

    def ask(value: int) -> None:
        for count in range(60):
            rows = 1 + (value + count) % 3
            x = np.full((rows, 1) if count % 2 else (rows,), value, np.float32)
            y = engine.run("serving_default", {"x": x})["y"]
            if y.shape != x.shape or (y != 0.5 * value + 2).any():
                wrong.append((value, x.shape, y))

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


@pytest.fixture
def program(odd_version: Path) -> OpenVINOProgram:
    signature = read_saved_model(odd_version).signatures["serving_default"]
    return OpenVINOProgram(odd_version, signature, EngineOptions())


def test_variants_and_known_shapes_are_few(program: OpenVINOProgram) -> None:
    for size in range(2, 2 * MAX_VARIANTS + 2):
        x = np.full((3, size), size, np.float32)
        assert program.run({"x": x}, ["y"])["y"].tolist() == (0.5 * x + 2).tolist()
    for rows in range(1, MAX_SHAPES + 10):
        program.run({"x": np.ones(rows, np.float32)}, ["y"])
    assert len(program._variants._variants) <= MAX_VARIANTS
    assert len(program._variants._runners) <= MAX_SHAPES
    assert set(program._variants._variants.values()) >= set(program._variants._runners.values())


@pytest.mark.parametrize("passing", [True, False])
def test_shapes_that_failed_for_lack_of_threads_are_tried_again(
    program: OpenVINOProgram, monkeypatch: pytest.MonkeyPatch, passing: bool
) -> None:
    make, x = program._variants._make, np.ones((3, 2), np.float32)

    def fail(*_: object) -> Compiled:
        raise CannotRun("no thread") from TrialFailed("no thread", passing=passing)

    monkeypatch.setattr("lightship.engines.trial.trials._RETRY_SECONDS", 0.0)
    monkeypatch.setattr(program._variants, "_make", fail)
    with pytest.raises(CannotRun, match="no thread"):
        program.run({"x": x}, ["y"])
    monkeypatch.setattr(program._variants, "_make", make)
    with contextlib.nullcontext() if passing else pytest.raises(CannotRun, match="no thread"):
        assert program.run({"x": x}, ["y"])["y"].tolist() == (0.5 * x + 2).tolist()


def test_another_number_of_values_needs_no_other_variant(program: OpenVINOProgram) -> None:
    for rows in (3, 4, 5):
        program.run({"x": np.ones(rows, np.float32)}, ["y"])
    assert len(program._variants._variants) == 1


def test_memory_of_large_runs_is_given_back(program: OpenVINOProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "LARGE_BYTES", 100)
    monkeypatch.setattr(compiled, "SHRINK_SECONDS", 0.01)
    released = threading.Event()
    monkeypatch.setattr(compiled, "release_freed_memory", released.set)
    assert program.run({"x": np.ones((3, 1), np.float32)}, ["y"])["y"].shape == (3, 1)
    assert program.run({"x": np.ones((100, 1), np.float32)}, ["y"])["y"].shape == (100, 1)
    assert released.wait(60)
    assert program.run({"x": np.ones((100, 1), np.float32)}, ["y"])["y"].shape == (100, 1)


def test_without_a_temporary_folder_other_signatures_say_so(
    odd_version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    engine = load_engine(odd_version, read_saved_model(odd_version), EngineOptions(trust=True))
    with pytest.raises(FailedPrecondition, match='signature "dense" .* set TMPDIR'):
        engine.run("dense", {"x": np.ones((1, 4), np.float32)})


def test_threads_are_limited(odd_version: Path) -> None:
    signature = read_saved_model(odd_version).signatures["conv"]
    program = OpenVINOProgram(odd_version, signature, EngineOptions(threads=1))
    assert program._declared_model is not None
    assert program._declared_model._compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert str(program._declared_model._compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"


def test_bf16_is_used_only_when_asked_for(odd_version: Path) -> None:
    signature = read_saved_model(odd_version).signatures["conv"]
    if why_missing("bf16"):
        with pytest.raises(CannotRun, match="OpenVINO would compute it in f32 instead of bf16"):
            OpenVINOProgram(odd_version, signature, EngineOptions(precision="bf16"))
        return
    program = OpenVINOProgram(odd_version, signature, EngineOptions(precision="bf16"))
    x = np.ones((1, 8, 8, 3), np.float32)
    wanted = OpenVINOProgram(odd_version, signature, EngineOptions()).run({"x": x}, ["y"])["y"]
    np.testing.assert_allclose(program.run({"x": x}, ["y"])["y"], wanted, rtol=0.05, atol=0.05)


def test_no_elements_in_a_shape_beyond_all_arrays_are_refused(alone: Engine) -> None:
    a, b = np.empty((0, 2**31, 1), np.float32), np.empty((0, 1, 2**31), np.float32)
    with pytest.raises(InvalidArgument, match="has no elements"):
        alone.run("two", {"a": a, "b": b})
