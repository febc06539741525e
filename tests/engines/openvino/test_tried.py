"""What a helper process compiled is imported, or compiled again where that cannot be."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.openvino.asking import Ask, save

from lightship.engines import EngineOptions
from lightship.engines.base import CannotRun
from lightship.engines.cache import CompiledCache
from lightship.engines.openvino import OpenVINOProgram, tried
from lightship.engines.openvino.trial_request import request_for
from lightship.engines.openvino.tried import Tried
from lightship.engines.openvino.trying import COMPARED, work
from lightship.engines.trial import TrialFailed, Trials
from lightship.errors import DataLoss
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature

pytestmark = pytest.mark.tensorflow

ONES = np.ones((2, 4), np.float32)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return save(Ask(lambda x: 2.0 * x, [("x", "float32", [None, 4])], []), tmp_path / "m" / "1")


def _signature(version: Path) -> Signature:
    return read_saved_model(version).signatures[DEFAULT_SIGNATURE]


def _trials(folder: Path) -> Trials:
    return Trials(CompiledCache(folder), seconds=60, memory=4 << 30)


def _program(version: Path, trials: Trials) -> OpenVINOProgram:
    signature, options = _signature(version), EngineOptions()
    return OpenVINOProgram(version, signature, options, Tried(version, signature, options, trials))


def test_the_second_load_needs_no_helper(version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _program(version, _trials(tmp_path / "c"))
    assert first.description.proof == COMPARED
    monkeypatch.setattr(Trials, "_made", None)  # would fail
    second = _program(version, _trials(tmp_path / "c"))
    assert second.description == first.description
    np.testing.assert_array_equal(second.run({"x": ONES}, ["y"])["y"], 2 * ONES)


@pytest.mark.parametrize("content", [b"", b"something else entirely"])
def test_a_damaged_entry_is_compiled_again(version: Path, tmp_path: Path, content: bytes) -> None:
    _program(version, _trials(tmp_path / "c"))
    for blob in (tmp_path / "c").glob("*/declared"):
        blob.write_bytes(content)
    np.testing.assert_array_equal(_program(version, _trials(tmp_path / "c")).run({"x": ONES}, ["y"])["y"], 2 * ONES)


def test_where_there_is_no_room_for_compiled_models_the_server_compiles_them(version: Path, tmp_path: Path) -> None:
    info = work({**request_for(version, _signature(version), EngineOptions()), "compare": False}, Path("/proc/none"))
    assert info["written"] is False
    (tmp_path / "file").write_text("")
    trials = _trials(tmp_path / "file" / "c")
    made: list[Any] = []

    def without_room(request: Any, key: str, out: Path) -> dict[str, Any]:
        made.append(work(request, Path("/proc/none")))
        return {"info": made[-1]}

    trials._ask = without_room  # type: ignore[method-assign]
    np.testing.assert_array_equal(_program(version, trials).run({"x": ONES}, ["y"])["y"], 2 * ONES)
    assert len(made) == 1


def test_a_load_that_fails_ends_after_openvino_is_imported(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, imported = threading.Event(), []

    def slow() -> None:
        begun.set()
        time.sleep(0.3)
        imported.append(True)

    def fail(self: Trials, request: Any, key: str, check: Callable[[], None]) -> Any:
        assert begun.wait(60)
        raise TrialFailed("the server is stopping")

    monkeypatch.setattr(tried, "core", slow)
    monkeypatch.setattr(Trials, "prepare", fail)
    with pytest.raises(CannotRun, match="the server is stopping"):
        _program(version, _trials(tmp_path))
    assert imported  # a process that ends while a thread imports OpenVINO may crash


def test_files_that_change_meanwhile_leave_no_entry(version: Path, tmp_path: Path) -> None:
    trials = _trials(tmp_path / "c")
    ask = trials._ask

    def changing(request: Any, key: str, out: Path) -> dict[str, Any]:
        answer = ask(request, key, out)
        (version / "fingerprint.pb").write_bytes(b"other")
        return answer

    trials._ask = changing  # type: ignore[method-assign]
    with pytest.raises(DataLoss, match="were changed while they were loaded"):
        _program(version, trials)
    assert list((tmp_path / "c").iterdir()) == []


def test_a_version_that_is_removed_meanwhile_is_no_reason_to_refuse_its_copy(version: Path, tmp_path: Path) -> None:
    trials, copy = _trials(tmp_path / "c"), shutil.copytree(version, tmp_path / "m" / "2")
    ask = trials._ask

    def removed(request: Any, key: str, out: Path) -> dict[str, Any]:
        shutil.rmtree(version)
        assert "error" in ask(request, key, out)
        return {"info": {"cannot_run": "OpenVINO cannot read the graph: Could not open the file", "operation": ""}}

    trials._ask = removed  # type: ignore[method-assign]
    with pytest.raises(DataLoss, match="were changed while they were loaded"):
        _program(version, trials)
    trials._ask = ask  # type: ignore[method-assign]
    np.testing.assert_array_equal(_program(copy, trials).run({"x": ONES}, ["y"])["y"], 2 * ONES)
