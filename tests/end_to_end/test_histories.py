"""Random histories of a server: versions and models come, go and are broken while two clients ask without pause.

`LIGHTSHIP_HISTORIES=100 pytest tests/end_to_end/test_histories.py` tries so many new ones instead of the usual few.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import httpx2
import numpy as np
import pytest
from benchmarks.load_cycles import what_is_held
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.end_to_end.conftest import Running, Serve
from tests.end_to_end.test_versions import arrive, wait_until

from lightship import protos
from lightship.client import Client
from lightship.errors import LightshipError, NotFound

MODELS, FOLDERS = ("red", "blue"), ("north", "south")
KINDS = 3  # of models; kind k answers x + (k + 1) * STEP
STEP = 1024
HISTORIES = int(os.environ.get("LIGHTSHIP_HISTORIES", "0"))
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """SavedModels that add different numbers to their input."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in range(KINDS):
        save_adding_model(folder / str(kind), (kind + 1) * STEP)
    return [folder / str(kind) for kind in range(KINDS)]


def save_adding_model(folder: Path, amount: float) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.amount = tf.Variable(float(amount))
    x = tf.TensorSpec([None], tf.float32, name="x")
    add = tf.function(lambda x: {"y": x + module.amount}, input_signature=[x])
    tf.saved_model.save(module, str(folder), signatures={"serving_default": add})


@dataclass(frozen=True, slots=True)
class Model:
    """What is configured for a model: the name of its folder, and how many of the newest versions, or which ones."""

    folder: str
    latest: int = 1
    specific: tuple[int, ...] = ()

    def aspired(self, numbers: Sequence[int]) -> set[int]:
        if self.specific:
            return set(numbers) & set(self.specific)
        return set(sorted(numbers)[-self.latest :])


@dataclass(frozen=True, slots=True)
class Steady:
    """What must answer now."""

    # The models of which some version answers, each with the number of the time since when that is so.
    models: Mapping[str, int] = field(default_factory=dict)
    # The versions that answer, of models that do not change now.
    versions: Mapping[str, frozenset[int]] = field(default_factory=dict)


class Asking:
    """Asks all models without pause. What is `steady` must answer, and each version as itself."""

    def __init__(self, urls: Sequence[str], kind_of: Mapping[int, int]) -> None:
        self.steady = Steady()
        self.wrong: list[str] = []
        self._kind_of, self._stop = kind_of, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(url,)) for url in urls]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, url: str) -> None:
        with Client(url, timeout=60) as client:
            for turn in count():
                if self._stop.wait(0.005):
                    return
                name, steady = MODELS[turn % len(MODELS)], self.steady
                versions = steady.versions.get(name) if turn % 3 == 0 else None
                version = max(versions) if versions else None
                x = np.arange(turn % 7, turn % 7 + 1 + turn % 3, dtype=np.float32)
                try:
                    found = client.predict(name, x, version=version)
                except NotFound as error:
                    now = self.steady
                    since = steady.models.get(name)
                    if since is not None and since == now.models.get(name) and (version is None or steady is now):
                        self.wrong.append(f"{name} did not answer: {error}")
                except LightshipError as error:
                    self.wrong.append(f"{name}: {error!r}")
                else:
                    self._check(name, found.version, found["y"] - x)

    def _check(self, name: str, version: int | None, added: np.ndarray[Any, Any]) -> None:
        assert version is not None
        if not np.array_equal(added, np.full_like(added, (self._kind_of[version] + 1) * STEP)):
            self.wrong.append(f"version {version} of {name} added {added}")


class History(RuleBasedStateMachine):
    """No number is used for two versions, so the number in an answer says what the answer must be."""

    def __init__(self, running: Running, kinds: Sequence[Path], root: Path, numbers: count[int]) -> None:
        super().__init__()
        self._running, self._kinds, self._root, self._numbers = running, kinds, root, numbers
        self._models: dict[str, Model] = {}
        self._kind_of: dict[int, int] = {}
        self._broken: set[int] = set()
        self._settled = 0
        self._client = Client(running.url, timeout=60)
        self._asking = Asking((running.url, running.grpc_url), self._kind_of)
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)

    @initialize()
    def begin(self) -> None:
        for name, folder in zip(MODELS, FOLDERS, strict=True):
            self.publish(folder, 0, "")
            self._models[name] = Model(folder)
        self._reload()
        self.settle()

    def teardown(self) -> None:
        self._asking.close()
        self._models = {}
        self._reload()
        wait_until(lambda: not self._differences())
        self._client.close()
        for folder in FOLDERS:
            shutil.rmtree(self._root / folder)
        assert not self._asking.wrong

    @rule(
        folder=st.sampled_from(FOLDERS), kind=st.integers(0, KINDS - 1), damage=st.sampled_from(["", "", "pb", "data"])
    )
    def publish(self, folder: str, kind: int, damage: str) -> None:
        number = next(self._numbers)
        source = self._kinds[kind]
        if damage:
            self._broken.add(number)
            source = shutil.copytree(source, self._root / f"damaged-{number}")
            damaged = "saved_model.pb" if damage == "pb" else "variables/variables.data-00000-of-00001"
            (source / damaged).write_bytes(b"")
        self._kind_of[number] = kind
        self._change(folder)
        arrive(source, self._root / folder, number)

    @precondition(lambda self: any(map(self._on_disk, FOLDERS)))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        folder = data.draw(st.sampled_from([one for one in FOLDERS if self._on_disk(one)]))
        number = data.draw(st.sampled_from(self._on_disk(folder)))
        self._change(folder, without=number)
        gone = (self._root / folder / str(number)).rename(self._root / f"gone-{number}")
        shutil.rmtree(gone)

    @precondition(lambda self: any(map(self._on_disk, FOLDERS)))
    @rule(data=st.data(), name=st.sampled_from(MODELS), latest=st.integers(0, 3))
    def configure(self, data: st.DataObject, name: str, latest: int) -> None:
        folder = data.draw(st.sampled_from([one for one in FOLDERS if self._on_disk(one)]))
        specific = () if latest else (data.draw(st.sampled_from(self._on_disk(folder))),)
        self._models[name] = Model(folder, latest, specific)
        self._change(folder)
        self._reload()

    @precondition(lambda self: self._models)
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self._models)))
        del self._models[name]
        self._change("")
        self._reload()

    @rule()
    def settle(self) -> None:
        """Status, readiness and answers agree with each other and with what is on the disk."""
        wait_until(lambda: not self._differences())
        answering = {name: frozenset(self._available(name)) for name in MODELS}
        ready = all(answering[name] for name in self._models)
        # With workers, another one may answer this, which learns of changes a moment later.
        wait_until(lambda: httpx2.get(f"{self._running.url}/readyz").is_success == ready)
        for name in MODELS:
            assert answering[name] == {number for number in self._kind_of if self._answers(name, number)}
        since = {name: self._settled for name, numbers in answering.items() if numbers}
        self._settled += 1
        self._asking.steady = Steady(since | self._asking.steady.models, answering)
        assert not self._asking.wrong

    def _differences(self) -> list[str]:
        """Returns what is not as it should be in the end."""
        statuses = {model.name: model.versions for model in self._client.models()}
        found = [
            f"{name}: {one}"
            for name, versions in statuses.items()
            for one in versions
            if one.state not in ("AVAILABLE", "END")
        ]
        for name in MODELS:
            available, model = self._available(name), self._models.get(name)
            aspired = set() if model is None else model.aspired(self._on_disk(model.folder))
            whole = aspired - self._broken
            # Without one that can be loaded, the version before goes on answering.
            kept = len(available) <= 1 if aspired and not whole else available == whole
            if not kept:
                found.append(f"{name}: {available} instead of {whole}")
        return found

    def _available(self, name: str) -> set[int]:
        statuses = {model.name: model.versions for model in self._client.models()}
        return {one.version for one in statuses.get(name, ()) if one.state == "AVAILABLE"}

    def _answers(self, name: str, number: int) -> bool:
        try:
            self._client.predict(name, np.ones(1, np.float32), version=number)
        except NotFound:
            return False
        return True

    def _on_disk(self, folder: str, without: int = 0) -> list[int]:
        found = (int(one.name) for one in (self._root / folder).iterdir() if one.name.isdecimal())
        return sorted(number for number in found if number != without)

    def _change(self, folder: str, without: int = 0) -> None:
        """The models of a folder change from now on, but they go on answering if a version is left for them."""
        steady = self._asking.steady
        changing = {name for name in MODELS if name not in self._models or self._models[name].folder == folder}
        left = {name for name, model in self._models.items() if model.aspired(self._on_disk(model.folder, without))}
        self._asking.steady = Steady(
            {name: since for name, since in steady.models.items() if name in left},
            {name: numbers for name, numbers in steady.versions.items() if name not in changing},
        )

    def _reload(self) -> None:
        request = protos.ReloadConfigRequest()
        models = request.config.model_config_list
        models.SetInParent()
        for name, model in self._models.items():
            config = models.config.add(name=name, base_path=str(self._root / model.folder), model_platform="tensorflow")
            if model.specific:
                config.model_version_policy.specific.versions.extend(model.specific)
            else:
                config.model_version_policy.latest.num_versions = model.latest
        with grpc.insecure_channel(f"127.0.0.1:{self._running.grpc_port}") as channel:
            call = channel.unary_unary(RELOAD, None, protos.ReloadConfigResponse.FromString)
            try:
                call(request.SerializeToString(), timeout=120)
            except grpc.RpcError as error:  # a new model has only damaged versions; it is configured all the same
                if error.code() is not grpc.StatusCode.UNKNOWN:
                    raise


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_every_history_ends_as_the_folders_and_the_configuration_say(
    serve: Serve,
    kinds: Sequence[Path],
    half_plus_two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("LIGHTSHIP_SETTLE_SECONDS", "0")
    quick = ("--poll-seconds", "0.05", "--empty-folder-grace", "0")
    running = serve(str(half_plus_two), "--allow-reload", *quick, "--workers", str(workers))
    numbers, held = count(1), []

    def history() -> History:
        held.append(what_is_held(running.process.pid))
        return History(running, kinds, tmp_path / "models", numbers)

    run_state_machine_as_test(
        history,
        settings=settings(
            max_examples=HISTORIES or 6,
            stateful_step_count=50 if HISTORIES else 30,
            derandomize=not HISTORIES,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a history with other timing would rarely fail again
            suppress_health_check=list(HealthCheck),
        ),
    )
    # A helper process, whose pipes count, may still be measuring the last model.
    wait_until(lambda: what_is_held(running.process.pid).descriptors <= held[-1].descriptors + 8)
    assert running.terminate() == 0
    assert list((tmp_path / "tmp").iterdir()) == []
