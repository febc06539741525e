"""Versions are swapped and models are reloaded under load, in all workers or in none."""

from __future__ import annotations

import shutil
from pathlib import Path

import grpc
import pytest
from tests.server.workers.conftest import Asker, GrpcAsker, Start, add_version, eventually, load, open_url

from lightship.protos import ReloadConfigRequest, ReloadConfigResponse

SWAPS, RELOADS = 20, 10


def test_versions_are_swapped_under_load_without_a_lost_call(start: Start, models: Path, half_plus_two: Path) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0")
    askers = [Asker(served.port), Asker(served.port, keep_alive=False), GrpcAsker(served.grpc_port)]
    with load(*askers):
        for version in range(2, 2 + SWAPS):
            add_version(models, half_plus_two, version)
            eventually(lambda v=version: served.states().get(v) == "AVAILABLE", f"{version} is not loaded")  # type: ignore[misc]
            # Each of these connections may come to another worker, and none is behind.
            answers = [served.predict(version=f"/versions/{version}") for _ in range(4)]
            assert [(status, number) for status, _, number in answers] == [(200, str(version))] * 4
            shutil.rmtree(models / str(version - 1))
            eventually(lambda v=version: served.states().get(v - 1) == "END", f"{version - 1} is not unloaded")  # type: ignore[misc]
    assert [asker.lost for asker in askers] == [[]] * 3
    assert all(asker.versions == sorted(asker.versions) for asker in askers[::2])  # each of one connection
    assert max(askers[0].versions) == SWAPS + 1


def test_no_worker_answers_with_a_version_that_another_has_not_prepared(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0")
    askers = [Asker(served.port) for _ in range(4)]
    with load(*askers):
        for version in range(2, 7):
            add_version(models, half_plus_two, version)
            eventually(lambda v=version: all(a.versions[-1] == v for a in askers))  # type: ignore[misc]
            eventually(lambda v=version: f"version: {v}}} is AVAILABLE" in served.log)  # type: ignore[misc]
            lines = served.log.splitlines()
            loaded = [n for n, line in enumerate(lines) if f"loaded {{name: m version: {version}}}" in line]
            switched = next(n for n, line in enumerate(lines) if f"version: {version}}} is AVAILABLE" in line)
            assert len(loaded) == 2
            assert max(loaded) < switched
    assert [asker.lost for asker in askers] == [[]] * 4


def test_a_version_that_one_worker_cannot_load_replaces_nothing(
    start: Start, models: Path, half_plus_two: Path
) -> None:
    served = start(models, "--poll-seconds=0.1", "--settle-seconds=0")
    asker = Asker(served.port)
    with load(asker):
        add_version(models, half_plus_two, 1000)
        eventually(lambda: served.states().get(1000) == "AVAILABLE")
        broken = models.parent / "broken"
        broken.mkdir()
        (broken / "saved_model.pb").write_bytes(b"not a graph")
        broken.rename(models / "1001")
        eventually(lambda: served.states().get(1001) == "END")
        assert {served.predict()[2] for _ in range(8)} == {"1000"}
    assert asker.lost == []
    errors = {open_url(f"http://127.0.0.1:{served.port}/v1/models/m/versions/1001") for _ in range(8)}
    assert len(errors) == 1
    assert '"error_code": "OK"' not in errors.pop()


def reload_request(*models: tuple[str, Path], label: tuple[str, int] | None = None) -> bytes:
    request = ReloadConfigRequest()
    request.config.model_config_list.SetInParent()
    for name, path in models:
        one = request.config.model_config_list.config.add(name=name, base_path=str(path), model_platform="tensorflow")
        one.model_version_policy.all.SetInParent()
        if label is not None:
            one.version_labels[label[0]] = label[1]
    return bytes(request.SerializeToString())


def reload(port: int, request: bytes) -> ReloadConfigResponse:
    options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own, to whichever worker
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        call = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        return ReloadConfigResponse.FromString(call(request, timeout=120))


def test_a_reload_at_any_worker_is_one_of_all_and_loses_no_call(start: Start, models: Path) -> None:
    served = start(models, "--allow-reload")
    askers = [Asker(served.port), GrpcAsker(served.grpc_port)]
    with load(*askers):
        for number in range(RELOADS):
            name = f"other{number}"
            answer = reload(served.grpc_port, reload_request(("m", models), (name, models)))
            assert answer.status.error_code == 0
            # All workers know when the call is answered, those too that did not get it.
            assert {served.predict(name)[0] for _ in range(6)} == {200}
            assert {tuple(served.states(name).values()) for _ in range(6)} == {("AVAILABLE",)}
            assert {served.get(f"/v1/models/other{number - 1}")[0] for _ in range(4)} <= {200, 404}
    assert [asker.lost for asker in askers] == [[]] * 2


def test_labels_move_in_all_workers_at_once(start: Start, models: Path, half_plus_two: Path) -> None:
    served = start(models, "--allow-reload", "--poll-seconds=0.1", "--settle-seconds=0")
    add_version(models, half_plus_two, 2)
    reload(served.grpc_port, reload_request(("m", models)))
    eventually(lambda: served.states() == {1: "AVAILABLE", 2: "AVAILABLE"})
    for version in (1, 2, 1):
        reload(served.grpc_port, reload_request(("m", models), label=("stable", version)))
        assert {served.predict(version="/labels/stable")[2] for _ in range(8)} == {str(version)}


def test_a_reload_that_fails_tells_why_and_changes_nothing_that_answers(start: Start, models: Path) -> None:
    served = start(models, "--allow-reload")
    broken = models.parent / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "saved_model.pb").write_bytes(b"not a graph")
    asker = Asker(served.port)
    with load(asker):
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as raised:
                reload(served.grpc_port, reload_request(("m", models), ("broken", broken)))
            assert raised.value.code() is grpc.StatusCode.UNKNOWN
            assert "1 model(s) did not become available" in raised.value.details()
            reload(served.grpc_port, reload_request(("m", models)))
        with pytest.raises(grpc.RpcError) as raised:
            reload(served.grpc_port, reload_request(("m", models), label=("stable", 7)))
        assert raised.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert asker.lost == []


def test_a_client_that_leaves_a_reload_does_not_stop_it(start: Start, models: Path, half_plus_two: Path) -> None:
    served = start(models, "--allow-reload", "--poll-seconds=0.1", "--settle-seconds=0")
    late = models.parent / "late"
    with grpc.insecure_channel(f"127.0.0.1:{served.grpc_port}") as channel:
        call = channel.unary_unary("/tensorflow.serving.ModelService/HandleReloadConfigRequest")
        waiting = call.future(reload_request(("m", models), ("late", late)), timeout=120)
        eventually(lambda: '"late"' in served.get("/v1/models")[1], "the reload has not begun")
        assert not waiting.done()
        waiting.cancel()
    late.mkdir()
    add_version(late, half_plus_two, 1)
    eventually(lambda: {served.predict("late")[0] for _ in range(4)} == {200})
