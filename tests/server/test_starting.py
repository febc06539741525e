"""`lightship.serve`: what it waits for, why it raises, and its options."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import os
import shutil
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.ports import free_port
from tests.server.grpc_process import eventually

from lightship.batching.tensorflow_serving import BatchingParameters
from lightship.engines import EngineOptions
from lightship.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, LightshipError
from lightship.server import Server, ServerOptions, serve
from lightship.transports.grpc.options import GrpcOptions
from lightship.transports.http.limits import Limits, Timeouts

BODY = b'{"instances": [1]}'
NEVER = 1e9  # settle_seconds, so that no version is ever complete
# What belongs to commands, which read files and flags: `serve` has its models as arguments.
OF_COMMANDS = {"models", "model_config_file", "model_config_file_poll_seconds", "read_once", "tls_files"}
FIELDS = {field.name: field for field in dataclasses.fields(ServerOptions) if field.name not in OF_COMMANDS}
# Another value than the default for each option.
OTHERS: dict[str, Any] = {
    "reload_root": Path("/"),
    "host": "::1",
    "rest_port": "auto",
    "grpc_port": "auto",
    "grpc": GrpcOptions(reflection=True),
    "rest_may_fail": True,
    "poll_seconds": 0.5,
    "settle_seconds": 3.0,
    "empty_folder_grace": 5.0,
    "store_poll_seconds": 5.0,
    "store_cache_bytes": 1 << 20,
    "store_cache_dir": Path("/tmp/none"),
    "follow_links": True,
    "verify_models": Path(__file__).with_name("public_key.pem"),
    "limits": Limits(json=1000),
    "timeouts": Timeouts(head=3.0),
    "memory_budget": 1 << 26,
    "max_pixels": 1000,
    "timeout_seconds": 5.0,
    "max_queue_seconds": 2.0,
    "threads": 3,
    "allowed_hosts": ("one.example",),
    "cors": True,
    "strict": True,
    "drain_seconds": 3.0,
    "log_format": "json",
    "access_log": "json",
    "access_log_file": Path("/dev/null"),
    "engine": EngineOptions(threads=1),
    "load_threads": 3,
    "load_retries": 1,
    "load_retry_seconds": 3.0,
    "allow_version_labels_for_unavailable_models": True,
    "check_method_names": True,
    "join": False,
    "enable_model_warmup": False,
    "warmup_iterations": 2,
    "saved_model_tags": ("serve", "gpu"),
    "batching": BatchingParameters(),
    "per_model_batching": True,
    "workers": 2,
    "extensions": False,
    "quiz": Path("/"),
    "metrics_path": "/monitoring",
}


def parameters() -> Mapping[str, inspect.Parameter]:
    return inspect.signature(serve).parameters


def own_parameters() -> Mapping[str, inspect.Parameter]:
    """The parameters that are options of the server."""
    other = {"models", "wait", "timeout", "unexpected"}
    return {name: one for name, one in parameters().items() if name not in other}


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A model whose version cannot be parsed."""
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "saved_model.pb").write_bytes(b"no model")
    return tmp_path / "broken"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def test_a_list_of_models_is_not_taken_for_a_path() -> None:
    with pytest.raises(InvalidArgument, match=r"a model is given as a list: .* or serve\(\*folders\) for a list"):
        serve(["models/dog"])  # type: ignore[arg-type]


def test_the_models_answer_when_it_returns(half_plus_two: Path) -> None:
    with serve(half_plus_two, f"other={half_plus_two}", rest_port="auto") as server:
        for name in ("half_plus_two", "other"):
            answer = httpx2.post(f"{server.rest_url}/v1/models/{name}:predict", content=BODY)
            assert answer.json() == {"predictions": [2.5]}
        assert httpx2.get(f"{server.rest_url}/readyz").status_code == 200


def test_several_processes_answer_when_it_returns(half_plus_two: Path) -> None:
    with serve(f"m={half_plus_two}", rest_port="auto", workers=2) as server:
        for _ in range(8):  # a new connection each, so that both are asked
            assert httpx2.post(f"{server.rest_url}/v1/models/m:predict", content=BODY).status_code == 200


def test_a_model_that_cannot_be_loaded_ends_it_with_the_reason(broken: Path) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        serve(broken, rest_port="auto")
    assert caught.value.message.startswith("broken cannot be served: version 1: ")
    assert "cannot be parsed" in caught.value.message


def test_every_model_that_cannot_be_served_is_named_and_no_other(
    half_plus_two: Path, broken: Path, empty: Path
) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        serve(half_plus_two, broken, empty, rest_port="auto")
    title, first, second = caught.value.message.splitlines()
    assert title == "2 of 3 models cannot be served:"
    assert first.startswith("  broken: version 1: ")
    assert second.startswith(f"  empty: {empty} is empty: add a version with lightship export")


def test_a_folder_without_a_version_ends_it_with_what_it_has_instead(empty: Path) -> None:
    (empty / "my.keras").touch()
    with pytest.raises(FailedPrecondition, match=r"empty cannot be served: .* has a Keras file and no version"):
        serve(empty, rest_port="auto")


def test_a_version_without_a_model_ends_it_with_what_it_has_instead(tmp_path: Path) -> None:
    (tmp_path / "cat" / "007").mkdir(parents=True)
    (tmp_path / "cat" / "007" / "my.keras").touch()
    with pytest.raises(FailedPrecondition) as caught:
        serve(tmp_path / "cat", rest_port="auto")
    assert caught.value.message.startswith("cat cannot be served: version 7: Specified file path does not appear")
    assert f"; {tmp_path}/cat/007 has a Keras file and no SavedModel: write the next" in caught.value.message


@pytest.mark.parametrize("timeout", [60, 0.2])
def test_the_ports_are_free_again_when_it_raises(half_plus_two: Path, broken: Path, timeout: float) -> None:
    rest, grpc = free_port(), free_port()
    settle = NEVER if timeout < 1 else 0.0
    with pytest.raises((FailedPrecondition, DeadlineExceeded)):
        serve(half_plus_two, broken, rest_port=rest, grpc_port=grpc, settle_seconds=settle, timeout=timeout)
    with serve(half_plus_two, rest_port=rest, grpc_port=grpc) as server:
        assert (server.rest_port, server.grpc_port) == (rest, grpc)


def test_a_model_that_is_late_is_named_with_what_it_waits_for(half_plus_two: Path) -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        serve(f"late={half_plus_two}", rest_port="auto", settle_seconds=NEVER, timeout=0.1)
    assert caught.value.message.startswith(
        "late did not answer within 0.1 seconds: version 123: its files are still being written: "
    )
    assert caught.value.message.endswith("; give more seconds with timeout=, or None for no limit")


def test_without_waiting_it_returns_while_models_load_and_goes_on_if_one_cannot(
    half_plus_two: Path, broken: Path
) -> None:
    with serve(half_plus_two, broken, wait=False, rest_port="auto", settle_seconds=NEVER) as server:
        assert httpx2.get(f"{server.rest_url}/livez").status_code == 200
        assert not server.wait_ready(0)
    with serve(half_plus_two, broken, wait=False, rest_port="auto") as server:
        assert server.manager.wait(lambda manager: set(manager.not_ready()) == {"broken"}, 60)
        url = f"{server.rest_url}/v1/models/half_plus_two:predict"
        assert httpx2.post(url, content=BODY).status_code == 200


def test_a_version_that_arrives_while_it_waits_is_served(half_plus_two: Path, tmp_path: Path) -> None:
    """The files are younger than `settle_seconds` first."""
    shutil.copytree(half_plus_two / "123", tmp_path / "m" / "1", copy_function=shutil.copyfile)
    with serve(tmp_path / "m", rest_port="auto", settle_seconds=0.5) as server:
        assert httpx2.post(f"{server.rest_url}/v1/models/m:predict", content=BODY).status_code == 200


def test_an_interrupt_while_it_waits_stops_the_server(half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, waiting = free_port(), Server.require_ready

    def interrupted(server: Server, timeout: float | None = None) -> None:
        waiting(server, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "require_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        serve(half_plus_two, rest_port=port)
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_that_is_none_is_refused(half_plus_two: Path, timeout: float) -> None:
    with pytest.raises(InvalidArgument, match="timeout=.*: give seconds, 0 or more, or None"):
        serve(half_plus_two, timeout=timeout)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("rest_prot", "serve() got an unexpected option 'rest_prot': did you mean 'rest_port'?"),
        ("time_out", "serve() got an unexpected option 'time_out': did you mean 'timeout'?"),
        ("qqqqqq", "serve() got an unexpected option 'qqqqqq': help(lightship.serve) lists the options"),
        ("models", "serve() got an unexpected option 'models': give the folders first, as in serve('models/dog')"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_with_the_nearest(half_plus_two: Path, option: str, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        serve(half_plus_two, **{option: 1})  # type: ignore[arg-type]
    assert str(caught.value) == text


@pytest.mark.parametrize("wait", [True, False])
def test_a_folder_of_models_is_refused_at_once(half_plus_two: Path, tmp_path: Path, wait: bool) -> None:
    shutil.copytree(half_plus_two, tmp_path / "models" / "half")
    with pytest.raises(InvalidArgument, match="folder of models.*give one or more of them, such as .*models/half"):
        serve(tmp_path / "models", wait=wait, rest_port="auto")


def test_its_options_are_those_of_a_server_in_their_order_with_their_types_and_defaults() -> None:
    """A path may be given as text too."""
    found = {name: (one.kind, one.annotation, one.default) for name, one in own_parameters().items()}
    wanted = {
        name: (
            inspect.Parameter.KEYWORD_ONLY,
            "str | Path | None" if field.type == "Path | None" else field.type,
            field.default if field.default_factory is dataclasses.MISSING else field.default_factory(),
        )
        for name, field in FIELDS.items()
    }
    assert list(found) == list(wanted)
    assert found == wanted


def test_each_option_is_described_once() -> None:
    lines = [line.strip().partition(":")[0] for line in (inspect.getdoc(serve) or "").splitlines()]
    for name in parameters().keys() - {"unexpected"}:
        assert lines.count(name) == 1, name


def test_each_option_reaches_the_server(half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "start", lambda server: server)
    defaults = serve(half_plus_two, wait=False).options
    server = serve(half_plus_two, wait=False, **OTHERS)
    assert OTHERS.keys() == FIELDS.keys()
    for name, value in OTHERS.items():
        assert getattr(server.options, name) == value, name
        assert getattr(defaults, name) != value, f"{name}: give another value than the default"


def test_a_setting_that_is_found_wrong_late_leaves_no_port_open(
    half_plus_two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, threads = free_port(), set(threading.enumerate())
    monkeypatch.setenv("LIGHTSHIP_SETTLE_SECONDS", "soon")
    with pytest.raises(InvalidArgument, match="LIGHTSHIP_SETTLE_SECONDS is 'soon'") as caught:  # the server is kept
        serve(half_plus_two, rest_port=port)
    socket.create_server(("127.0.0.1", port)).close()
    assert caught.traceback
    assert eventually(lambda: threads.issuperset(threading.enumerate()))


def test_paths_may_be_given_as_text(half_plus_two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Server, "start", lambda server: server)
    paths = {name: value for name, value in OTHERS.items() if isinstance(value, Path)}
    texts: Any = {name: str(path) for name, path in paths.items()}
    options = serve(half_plus_two, wait=False, access_log="text", **texts).options
    assert {name: getattr(options, name) for name in paths} == paths


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists the files that a process has open")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("wrong", ["port", "settle"])
def test_a_start_that_fails_leaves_no_file_open(
    half_plus_two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, wrong: str
) -> None:
    def attempt() -> int:
        with pytest.raises(LightshipError):
            serve(half_plus_two, rest_port=port, workers=workers, access_log="text", access_log_file=tmp_path / "log")
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: Any = taken.getsockname()[1] if wrong == "port" else "auto"
        if wrong == "settle":
            monkeypatch.setenv("LIGHTSHIP_SETTLE_SECONDS", "soon")
        first = attempt()
        last = [attempt() for _ in range(5)][-1]
        assert last <= first  # less if servers of other tests have just ended
