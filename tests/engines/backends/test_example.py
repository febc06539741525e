"""The engine of docs/guides/add-an-engine.md, in an installed package, and engines with faults."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS
from tests.end_to_end.conftest import BIN, start, stop

from lightship.bundle.golden import Golden
from lightship.engines import EngineOptions, load_engine
from lightship.engines.precision import check_golden
from lightship.engines.trial import stop_helpers
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument
from lightship.saved_model.reader import read_saved_model
from lightship.server import ServerOptions

GUIDE = Path(__file__).parents[3] / "docs/guides/add-an-engine.md"
X = {"x": np.array([1.0, 2.0, 5.0], np.float32)}

pytestmark = pytest.mark.tensorflow


class Packages:
    """A folder with installed packages, each with one engine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, code: str, *, package: str = "", target: str = "Affine") -> None:
        package = package or name
        (self.folder / f"{package}.py").write_text(code)
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[lightship.engines]\n{name} = {package}:{target}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Packages that this process, and the helper processes that it starts, can import."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    stop_helpers()  # those of other tests have another path
    yield Packages(folder)
    stop_helpers()


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """Half plus two, with its two numbers for the engine of the guide."""
    folder = tmp_path / "toy" / "1"
    shutil.copytree(MODELS / "half_plus_two/123", folder)
    return with_numbers(folder, 0.5, 2.0)


def with_numbers(folder: Path, a: float, b: float) -> Path:
    (folder / "assets.extra").mkdir(exist_ok=True)
    (folder / "assets.extra/affine.json").write_text(json.dumps({"a": a, "b": b}))
    return folder


def example() -> str:
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert code is not None
    return code[1]


def ask(name: str, folder: Path) -> tuple[str, str, str, list[Any]]:
    """Returns the engine of the default signature, the reason, the proof, and the answer for X."""
    engine = load_engine(folder, read_saved_model(folder), EngineOptions(engine=name))
    try:
        answer = engine.run("serving_default", X)["y"].tolist()
        report = next(one for one in engine.reports() if one.signature == "serving_default")
        return report.engine, report.reason, report.proof, answer
    finally:
        engine.close()


def test_the_engine_of_the_guide_answers(packages: Packages, version: Path) -> None:
    packages.install("affine1", example())
    engine, _, proof, answer = ask("affine1", version)
    assert (engine, proof, answer) == ("affine1", "compared with TensorFlow", [2.5, 3.0, 4.5])


def test_the_engine_of_the_guide_serves(packages: Packages, version: Path) -> None:
    import httpx

    packages.install("affine2", example())
    running = start(BIN / "lightship", str(version.parent), "--engine", "affine2")
    try:
        url = f"{running.url}/v1/models/toy"
        answer = httpx.post(f"{url}:predict", json={"instances": [1.0, 2.0, 5.0]}, timeout=60)
        assert answer.json() == {"predictions": [2.5, 3.0, 4.5]}
        assert (
            "affine2"
            in subprocess.run([BIN / "lightship", "status", running.url], capture_output=True, text=True).stdout
        )
    finally:
        stop(running.process)


def test_rows_of_waiting_calls_may_be_joined_where_they_are_independent(packages: Packages, version: Path) -> None:
    packages.install("affine3", example())
    engine = load_engine(version, read_saved_model(version), EngineOptions(engine="affine3"))
    try:
        engine.engine_of("serving_default")
        joining = engine.joining("serving_default")
        assert joining is not None
        assert joining.costs[1] > 0
        joined = engine.run_joined("serving_default", X)
        assert joined is not None
        assert joined["y"].tolist() == [2.5, 3.0, 4.5]
    finally:
        engine.close()


def test_rows_that_depend_on_each_other_are_not_joined(packages: Packages, version: Path) -> None:
    packages.install("affine4", example().replace("+ self._b}", "+ self._b + 1e-5 * inputs['x'].sum()}"))
    engine = load_engine(version, read_saved_model(version), EngineOptions(engine="affine4"))
    try:
        assert engine.engine_of("serving_default") == "affine4"
        assert engine.joining("serving_default") is None
    finally:
        engine.close()


def test_where_the_answers_are_not_tensorflows_another_engine_runs(packages: Packages, version: Path) -> None:
    packages.install("affine5", example())
    engine, reason, _, answer = ask("affine5", with_numbers(version, 0.5, 2.01))
    assert (engine, answer) == ("openvino", [2.5, 3.0, 4.5])
    assert "affine5 does not run it: affine5's answers differ from TensorFlow's" in reason


def test_a_version_whose_golden_sample_is_answered_wrongly_is_not_loaded(packages: Packages, version: Path) -> None:
    from lightship.bundle.bundle import open_bundle

    packages.install("affine6", example())
    with_numbers(version, 0.5, 2.01)
    options = EngineOptions(engine="affine6", trust=True)
    engine = load_engine(version, read_saved_model(version), options)
    bundle = open_bundle(version, "toy", 1)
    golden = Golden({"x": X["x"]}, {"y": np.array([2.5, 3.0, 4.5], np.float32)})
    object.__setattr__(bundle, "golden", golden)
    with pytest.raises(DataLoss, match="does not give the trained model's answers"):
        check_golden(bundle, engine)
    engine.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("import os; os.abort()", "ended"),
        ("raise RuntimeError('no device')", "RuntimeError: no device"),
        ("raise CannotRun('no licence')", "no licence"),
        ("return 3", "AttributeError"),
    ],
)
def test_an_engine_that_fails_in_open_is_not_used(packages: Packages, version: Path, fault: str, reason: str) -> None:
    name = f"faulty{abs(hash(fault))}"
    packages.install(name, example().replace("        file = folder", f"        {fault}\n        file = folder", 1))
    engine, said, _, answer = ask(name, version)
    assert (engine, answer) == ("openvino", [2.5, 3.0, 4.5])
    assert f"{name} does not run it: " in said
    assert reason in said


def test_a_version_without_a_file_for_the_engine_runs_on_another(packages: Packages, version: Path) -> None:
    packages.install("affine7", example())
    (version / "assets.extra/affine.json").unlink()
    engine, reason, _, answer = ask("affine7", version)
    assert (engine, answer) == ("openvino", [2.5, 3.0, 4.5])
    assert "affine.json is not there" in reason


def test_an_engine_that_is_not_there_is_named_with_those_that_are(packages: Packages, version: Path) -> None:
    packages.install("affine8", example())
    with pytest.raises(InvalidArgument, match=r'no engine "afine8"; there are auto, .*did you mean "affine8"\?'):
        ServerOptions([], engine=EngineOptions(engine="afine8"))
    with pytest.raises(InvalidArgument, match='no engine "afine8"'):
        load_engine(version, read_saved_model(version), EngineOptions(engine="afine8"))


def test_a_mistyped_engine_ends_the_command(version: Path) -> None:
    done = subprocess.run(
        [BIN / "lightship", "serve", str(version.parent), "--engine", "openvin"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert 'did you mean "openvino"?' in " ".join(done.stderr.split())


def test_a_package_that_cannot_be_imported_is_named(packages: Packages, version: Path) -> None:
    packages.install("broken", "import nothing_of_this_name\n")
    with pytest.raises(FailedPrecondition, match=r'"broken" cannot be imported from broken 1\.0: ModuleNotFoundError'):
        load_engine(version, read_saved_model(version), EngineOptions(engine="broken", trust=True))


def test_what_is_no_engine_is_named(packages: Packages, version: Path) -> None:
    packages.install("number", "Affine = 3\n")
    with pytest.raises(
        FailedPrecondition, match=r'"number" of number 1\.0 is not a backend: number:Affine has no method'
    ):
        load_engine(version, read_saved_model(version), EngineOptions(engine="number", trust=True))


def test_two_packages_with_one_engine_are_an_error(packages: Packages, version: Path) -> None:
    packages.install("twice", example(), package="one_of_two")
    packages.install("twice", example(), package="two_of_two")
    with pytest.raises(FailedPrecondition, match=r"one_of_two 1\.0 and two_of_two 1\.0: uninstall one of them"):
        load_engine(version, read_saved_model(version), EngineOptions(engine="twice", trust=True))
