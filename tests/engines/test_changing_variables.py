"""Signatures that change variables: every call sees what the calls before it did."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.changing_models import save_counting_graph, save_counting_model

from lightship.engines import Engine, EngineOptions, choose, load_engine
from lightship.errors import FailedPrecondition
from lightship.saved_model.reader import read_saved_model

pytestmark = pytest.mark.tensorflow

X = {"x": np.array([1.0, 2.0], np.float32)}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counting") / "1"
    save_counting_model(folder)
    return folder


@pytest.fixture
def counting(version: Path) -> Iterator[Engine]:
    engine = load_engine(version, read_saved_model(version))
    yield engine
    engine.close()


def test_a_call_sees_the_calls_before_it(counting: Engine) -> None:
    assert counting.run("total", X)["y"].tolist() == [1.0, 2.0]
    assert counting.run("add", X)["y"] == 3.0
    assert counting.run("maybe", X)["y"] == 6.0
    assert counting.run("maybe", {"x": -X["x"]})["y"] == 6.0
    assert counting.run("total", X)["y"].tolist() == [7.0, 8.0]
    assert counting.run("reset", {})["y"] == 0.0
    assert counting.run("total", X)["y"].tolist() == [1.0, 2.0]


def test_only_signatures_with_changing_variables_are_run_by_tensorflow(counting: Engine) -> None:
    engines = {
        name: counting.engine_of(name) for name in ("serving_default", "add", "maybe", "reset", "total", "scale")
    }
    assert engines.pop("scale") == "openvino"
    assert set(engines.values()) == {"tensorflow"}


def test_calls_at_once_lose_nothing(counting: Engine) -> None:
    threads = [threading.Thread(target=counting.run, args=("add", X)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert counting.run("total", {"x": np.zeros(1, np.float32)})["y"].tolist() == [60.0]


def test_two_versions_do_not_share_their_variables(counting: Engine, version: Path) -> None:
    other = load_engine(version, read_saved_model(version))
    counting.run("add", X)
    assert other.run("total", X)["y"].tolist() == [1.0, 2.0]
    other.close()
    assert counting.run("total", X)["y"].tolist() == [4.0, 5.0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resource", [True, False])
def test_a_graph_of_tensorflow_1_counts_too(tmp_path: Path, resource: bool) -> None:
    save_counting_graph(tmp_path / "1", resource=resource)
    engine = load_engine(tmp_path / "1", read_saved_model(tmp_path / "1"))
    engine.run("serving_default", X)
    assert engine.run("total", X)["y"].tolist() == [4.0, 5.0]
    assert engine.engine_of("scale") == "openvino"
    engine.close()


def test_without_tensorflow_nothing_changes_the_variables(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "tensorflow_installed", lambda: False)
    saved_model = read_saved_model(version)
    with pytest.raises(
        FailedPrecondition, match="needs TensorFlow: the signature changes variables, which are constants in Open"
    ):
        load_engine(version, saved_model)


def test_openvino_alone_refuses_what_changes_variables(version: Path) -> None:
    with pytest.raises(
        FailedPrecondition, match='signature "serving_default" needs TensorFlow: the signature changes variables'
    ):
        load_engine(version, read_saved_model(version), EngineOptions(engine="openvino"))
