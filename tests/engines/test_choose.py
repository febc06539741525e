"""Which engine runs which signature, and what is said when there is none."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import Engine, EngineOptions, choose, load_engine
from lightship.engines.base import CannotRun
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.shapes import Shapes
from lightship.engines.openvino.variants import Variants
from lightship.engines.trial import TrialFailed
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import read_saved_model


@pytest.fixture
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "tensorflow_installed", lambda: False)


def fresh(version: Path, options: EngineOptions | None = None) -> Engine:
    return load_engine(version, read_saved_model(version), options or EngineOptions())


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("signature", "name"),
    [
        ("serving_default", "openvino"),
        ("conv", "openvino"),
        ("int64", "openvino"),
        ("joined", "lightship"),
        ("number", "tensorflow"),
        ("lookup", "tensorflow"),
        ("as_text", "tensorflow"),
        ("bfloat16", "tensorflow"),
        ("constant", "tensorflow"),
        ("double", "tensorflow"),
        ("uint64", "tensorflow"),
    ],
)
def test_each_signature_has_its_engine(engine: Engine, signature: str, name: str) -> None:
    assert engine.engine_of(signature) == name


@pytest.mark.tensorflow
def test_exact_types_stay_exact(engine: Engine) -> None:
    assert engine.run("double", {"x": np.array([3.0])})["y"].tolist() == [3.0 * 0.1]
    assert engine.run("uint64", {"x": np.array([2**60], np.uint64)})["y"].tolist() == [2**60 + 1]


@pytest.mark.tensorflow
def test_values_beyond_int32_are_computed_by_tensorflow(engine: Engine) -> None:
    assert engine.run("int64", {"x": np.array([2**40, 1])})["y"].tolist() == [2**40 + 1, 2]
    assert engine.engine_of("int64") == "openvino"


@pytest.mark.usefixtures("without_tensorflow")
def test_without_tensorflow_the_error_names_signature_reason_and_command(odd_version: Path) -> None:
    alone = fresh(odd_version)
    with pytest.raises(FailedPrecondition) as caught:
        alone.run("number", {"x": np.array([b"1"], object)})
    assert caught.value.message == (
        'signature "number" needs TensorFlow: StringToNumber is run by TensorFlow only (StringToNumber). '
        "Install it: pip install 'lightship[tensorflow]'"
    )
    assert alone.run("serving_default", {"x": np.ones((1, 1), np.float32)})["y"].tolist() == [[2.5]]


@pytest.mark.usefixtures("without_tensorflow")
def test_without_tensorflow_a_number_beyond_int32_is_an_error(odd_version: Path) -> None:
    with pytest.raises(FailedPrecondition, match='cannot hold all values of input "x". Install it'):
        fresh(odd_version).run("int64", {"x": np.array([2**40])})


@pytest.mark.usefixtures("without_tensorflow")
def test_without_tensorflow_doubles_are_refused_since_openvino_rounds_them(odd_version: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"Mul of these types \(T=double\) .* --allow-unproven Mul"):
        fresh(odd_version).run("double", {"x": np.array([3.0])})


@pytest.mark.tensorflow
def test_openvino_alone_can_be_asked_for(odd_version: Path) -> None:
    with pytest.raises(FailedPrecondition, match="--engine auto"):
        fresh(odd_version, EngineOptions(engine="openvino")).engine_of("number")


def test_the_initializer_is_not_runnable(engine: Engine) -> None:
    with pytest.raises(InvalidArgument, match='"__saved_model_init_op" cannot be run; the model has as_text'):
        engine.run("__saved_model_init_op", {})


def test_names_and_types_are_checked(engine: Engine) -> None:
    x = np.ones((1, 1), np.float32)
    with pytest.raises(InvalidArgument, match=r"2!=1 len\({x,z}\) != len\({x}\). Sent extra: {z}"):
        engine.run("serving_default", {"x": x, "z": x})
    with pytest.raises(InvalidArgument, match=r"Expects arg\[0\] to be float but double is provided$"):
        engine.run("serving_default", {"x": x.astype(np.float64)})
    with pytest.raises(InvalidArgument, match="float but string is provided"):
        engine.run("serving_default", {"x": np.array([b"a"], object)})
    with pytest.raises(InvalidArgument, match="output tensor alias not found in signature: nope"):
        engine.run("serving_default", {"x": x}, ["nope"])


@pytest.mark.tensorflow
def test_only_the_default_signature_is_compiled_at_first(odd_version: Path) -> None:
    engine = fresh(odd_version)
    assert engine.name == "openvino"
    engine.engine_of("lookup")
    assert engine.name == "openvino+tensorflow"


def test_a_signature_being_compiled_holds_up_no_other(odd_version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = fresh(odd_version)
    compiling, go_on = threading.Event(), threading.Event()
    real = choose.OpenVINOProgram

    def slow(*arguments: object) -> object:
        compiling.set()
        assert go_on.wait(60)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(choose, "OpenVINOProgram", slow)
    thread = threading.Thread(target=engine.engine_of, args=("conv",))
    thread.start()
    assert compiling.wait(60)
    assert engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})["y"].tolist() == [[2.5]]
    go_on.set()
    thread.join(30)
    assert engine.engine_of("conv") == "openvino"


def test_it_says_what_is_to_be_compiled_first(odd_version: Path) -> None:
    engine = fresh(odd_version)
    declared, other = {"x": np.ones((1, 1), np.float32)}, {"x": np.ones((2, 3), np.float32)}
    assert engine.ready("serving_default", declared)
    assert engine.ready("serving_default", {"x": np.ones((0, 1), np.float32)})
    assert not engine.ready("serving_default", other)
    engine.run("serving_default", other)
    assert engine.ready("serving_default", other)
    assert not engine.ready("conv", {})
    engine.engine_of("conv")
    assert engine.ready("conv", {})  # wrong inputs are refused at once
    assert engine.ready("nothing", {})


def test_shapes_that_wait_while_others_are_compiled_are_not_ready(
    odd_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fresh(odd_version)
    compiling, go_on = threading.Event(), threading.Event()
    real = Variants._variant

    def slow(variants: Variants, shapes: Shapes) -> Compiled:
        compiling.set()
        assert go_on.wait(60)
        return real(variants, shapes)

    known, new, other = ({"x": np.ones(shape, np.float32)} for shape in ((2, 3), (4, 3), (2, 5)))
    engine.run("serving_default", known)
    assert engine.ready("serving_default", new)
    monkeypatch.setattr(Variants, "_variant", slow)
    thread = threading.Thread(target=engine.run, args=("serving_default", other))
    thread.start()
    try:
        assert compiling.wait(60)
        assert engine.ready("serving_default", known)
        assert not engine.ready("serving_default", new)
    finally:
        go_on.set()
        thread.join(60)
    assert engine.ready("serving_default", new)


@pytest.mark.usefixtures("without_tensorflow")
@pytest.mark.parametrize("passing", [True, False])
def test_a_signature_that_failed_for_lack_of_threads_is_loaded_again(
    odd_version: Path, monkeypatch: pytest.MonkeyPatch, passing: bool
) -> None:
    def fail(*_: object) -> object:
        raise CannotRun("no thread") from TrialFailed("no thread", passing=passing)

    engine, real = fresh(odd_version), choose.OpenVINOProgram
    monkeypatch.setattr("lightship.engines.trial.trials._RETRY_SECONDS", 0.0)
    monkeypatch.setattr(choose, "OpenVINOProgram", fail)
    with contextlib.closing(engine):
        with pytest.raises(FailedPrecondition, match="no thread"):
            engine.engine_of("conv")
        monkeypatch.setattr(choose, "OpenVINOProgram", real)
        if passing:
            assert engine.engine_of("conv") == "openvino"
        else:
            with pytest.raises(FailedPrecondition, match="no thread"):
                engine.engine_of("conv")


def test_a_closed_engine_says_so(odd_version: Path) -> None:
    engine = fresh(odd_version)
    engine.close()
    with pytest.raises(FailedPrecondition, match="unloaded"):
        engine.run("serving_default", {"x": np.ones((1, 1), np.float32)})


LOADED = """
import sys, numpy
from pathlib import Path
from lightship.saved_model.reader import read_saved_model
import lightship.engines.base
assert "openvino" not in sys.modules
from lightship.engines import load_engine
engine = load_engine(Path(sys.argv[1]), read_saved_model(Path(sys.argv[1])))
engine.run("serving_default", {"x": numpy.ones((1, 1), "float32")})
print([name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "openvino_telemetry")])
"""


def test_openvino_brings_neither_tensorflow_nor_its_telemetry(odd_version: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED, str(odd_version)], capture_output=True, text=True, check=True, timeout=60
    )
    assert loaded.stdout.strip() == "[]"


def test_neither_does_what_starts_its_threads() -> None:
    """A thread of usual priority does that before anything else imports OpenVINO, and while another thread does."""
    code = "import sys; from lightship.engines.openvino.runtime import start_workers; start_workers(); "
    code += "print([name for name in sys.modules if name.split('.')[0] == 'openvino_telemetry'])"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert started.stdout.strip() == "[]"
