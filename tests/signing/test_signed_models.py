"""A server that loads signed models only: what answers, and what is said of the rest."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import httpx2
import numpy as np
import pytest
from benchmarks.ports import free_port
from tests.cli.conftest import BIN, clean_environment, runner
from tests.signing.keys import Keys, encrypted

from lightship.client import Client
from lightship.engines import EngineOptions
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.lifecycle.model_config import All
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.version_copy import VersionCopy
from lightship.server import ModelConfig, Server, ServerOptions, serve
from lightship.signing import VerifiedCopies, sign

DEADLINE = 60.0
BODY = b'{"instances": [1]}'
UNSIGNED = "is not signed: it has no model.sig"
CHANGED = "was changed after it was signed"
Start = Callable[..., Server]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def start(model: Path, keys: Keys, cache: Path) -> Iterator[Start]:
    """Starts a server of all versions of the model."""
    with ExitStack() as stack:

        def started(**options: Any) -> Server:
            defaults = {"rest_port": "auto", "poll_seconds": 0.05, "verify_models": keys.public}
            models = [ModelConfig("half", model, policy=All())]
            options = defaults | {"engine": EngineOptions(cache_dir=cache)} | options
            return stack.enter_context(Server(ServerOptions(models, **options)))

        yield started


def eventually(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def states(url: str, model: str = "half") -> dict[int, tuple[str, str]]:
    """The state of each version, and why it does not answer, as TensorFlow Serving's REST API tells it."""
    found = httpx2.get(f"{url}/v1/models/{model}").json().get("model_version_status", [])
    return {int(one["version"]): (one["state"], one["status"]["error_message"]) for one in found}


def ended(url: str, *versions: int) -> dict[int, str]:
    """Waits until these versions have failed, and returns why."""
    eventually(lambda: all(states(url).get(one, ("",))[0] == "END" for one in versions))
    return {one: states(url)[one][1] for one in versions}


def predicted(url: str, version: int | None = None) -> Any:
    path = "" if version is None else f"/versions/{version}"
    answer = httpx2.post(f"{url}/v1/models/half{path}:predict", content=BODY)
    return answer.json()["predictions"] if answer.status_code == 200 else answer.status_code


def copies(cache: Path) -> list[Path]:
    return list(cache.glob("verified/lightship-work-*/version"))


def test_signed_versions_answer_and_unsigned_and_changed_ones_do_not(
    start: Start, model: Path, keys: Keys, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: Counter[int] = Counter()
    copy = VerifiedCopies.__call__

    def counted(self: VerifiedCopies, id: ServableId, path: Path) -> VersionCopy:
        attempts[id.version] += 1
        return copy(self, id, path)

    monkeypatch.setattr(VerifiedCopies, "__call__", counted)
    for version in (2, 3):
        shutil.copytree(model / "1", model / str(version))
    sign(model / "1", keys.private)
    sign(model / "3", keys.private)
    (model / "3" / "saved_model.pb").write_bytes((model / "3" / "saved_model.pb").read_bytes() + b"\0")
    with caplog.at_level(logging.ERROR):
        server = start()
        url = server.rest_url
        reasons = ended(url, 2, 3)
        eventually(lambda: states(url)[1][0] == "AVAILABLE")
        eventually(lambda: attempts[2] > 1 and attempts[3] > 1)  # what failed is tried again
    assert UNSIGNED in reasons[2]
    assert f"saved_model.pb {CHANGED}" in reasons[3]
    assert [predicted(url, version) for version in (1, 2, 3)] == [[2.5], 404, 404]
    assert predicted(url) == [2.5]
    logged = [record.getMessage() for record in caplog.records if "cannot be loaded" in record.getMessage()]
    assert sorted(UNSIGNED in line for line in logged) == [False, True]
    assert sum(CHANGED in line for line in logged) == 1


def test_a_model_of_which_nothing_is_signed_is_not_ready_and_says_why(start: Start, model: Path, cache: Path) -> None:
    server = start()
    assert UNSIGNED in ended(server.rest_url, 1)[1]
    ready = httpx2.get(f"{server.rest_url}/readyz")
    assert (ready.status_code, UNSIGNED in ready.text) == (503, True)
    with Client(server.rest_url) as client:
        assert UNSIGNED in str(client.models()[0])
    with pytest.raises(FailedPrecondition, match=UNSIGNED):
        server.require_ready(DEADLINE)
    assert not copies(cache)


def test_a_version_that_is_signed_later_answers_at_once(start: Start, model: Path, keys: Keys) -> None:
    server = start()
    ended(server.rest_url, 1)
    sign(model / "1", keys.private)
    assert server.wait_ready(DEADLINE)
    assert predicted(server.rest_url) == [2.5]


def test_a_loaded_version_answers_with_what_was_signed_whatever_is_done_to_its_files(
    start: Start, model: Path, keys: Keys, cache: Path
) -> None:
    sign(model / "1", keys.private)
    with start() as server:
        assert server.wait_ready(DEADLINE)
        assert len(copies(cache)) == 1
        (model / "1" / "model.sig").rename(model / "model.sig")
        (model / "1" / "variables" / "variables.data-00000-of-00001").write_bytes(b"evil")
        eventually(lambda: "cannot be loaded again" in httpx2.get(f"{server.rest_url}/v1/models").text)
        # Another shape is compiled from the files, now.
        rows = np.ones((5, 1), np.float32).tolist()
        answer = httpx2.post(f"{server.rest_url}/v1/models/half:predict", json={"instances": rows})
        assert answer.json() == {"predictions": [[2.5]] * 5}
    assert not copies(cache)
    (model / "model.sig").rename(model / "1" / "model.sig")
    again = start()
    assert CHANGED in ended(again.rest_url, 1)[1]


def test_the_warm_up_file_of_a_signed_version_is_signed_too(start: Start, model: Path, keys: Keys) -> None:
    sign(model / "1", keys.private)
    (model / "1" / "assets.extra").mkdir()
    (model / "1" / "assets.extra" / "tf_serving_warmup_requests").touch()
    assert "tf_serving_warmup_requests was added" in ended(start().rest_url, 1)[1]


def test_metrics_name_the_folder_of_the_operator_and_not_the_copy(start: Start, model: Path, keys: Keys) -> None:
    (model / "1" / "assets.extra").mkdir()
    (model / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"this is not a TFRecord file")
    sign(model / "1", keys.private)
    server = start()
    assert "TFRecord" in ended(server.rest_url, 1)[1]
    metrics = httpx2.get(f"{server.rest_url}/metrics").text
    assert [line for line in metrics.splitlines() if "warmup" in line and f'model_path="{model / "1"}"' in line]
    assert "lightship-work" not in metrics


def test_errors_name_the_folder_of_the_operator_and_not_the_copy(start: Start, model: Path, keys: Keys) -> None:
    sign(model / "1", keys.private)
    shutil.copytree(model / "1", model / "1-backup")
    server = start(saved_model_tags=("other",))
    reason = ended(server.rest_url, 1)[1]
    assert str(model / "1") in reason
    assert "lightship-work" not in reason


def test_errors_about_a_model_in_a_store_name_its_place_there_and_the_folder_to_sign(
    model: Path, keys: Keys, cache: Path, tmp_path: Path
) -> None:
    url = f"memory://{uuid4().hex}/half"
    upload(model, url)
    options = ServerOptions(
        [ModelConfig.at("half", url)],
        rest_port="auto",
        verify_models=keys.public,
        store_poll_seconds=0.1,
        settle_seconds=0.05,
        store_cache_dir=tmp_path / "store",
        engine=EngineOptions(cache_dir=cache),
    )
    with Server(options) as server:
        reason = eventually(
            lambda: next((one.error.message for one in server.manager.versions("half") if one.error), "")
        )
        assert f"{url}/1 is not signed" in reason
        assert "sign it with `lightship sign half/1 --key private.pem`" in reason
        assert str(tmp_path / "store") not in reason

        sign(model, keys.private)
        upload(model, url)
        eventually(lambda: server.wait_ready(0))


def upload(folder: Path, url: str) -> None:
    system = fsspec.filesystem("memory")
    for file in folder.rglob("*"):
        if file.is_file():
            system.pipe_file(f"/{url.partition('://')[2]}/{file.relative_to(folder).as_posix()}", file.read_bytes())


def test_without_the_option_signatures_do_not_matter(start: Start, model: Path, keys: Keys, cache: Path) -> None:
    sign(model / "1", keys.private)
    (model / "1" / "model.sig").write_text("nothing")
    server = start(verify_models=None)
    assert server.wait_ready(DEADLINE)
    assert not copies(cache)


def test_what_a_server_without_verification_compiled_is_not_used(
    start: Start, model: Path, keys: Keys, cache: Path
) -> None:
    with start(verify_models=None) as server:
        assert server.wait_ready(DEADLINE)
    entries = {path.name for path in cache.iterdir() if len(path.name) == 64}
    sign(model / "1", keys.private)
    with start() as server:
        assert server.wait_ready(DEADLINE)
    assert entries
    assert {path.name for path in (cache / "verified").iterdir() if len(path.name) == 64}


def test_a_key_that_cannot_be_used_is_an_error_at_the_start(model: Path, keys: Keys, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.pem is not a file"):
        serve(model, rest_port="auto", verify_models=tmp_path / "none.pem")
    with pytest.raises(InvalidArgument, match="has a private key"):
        serve(model, rest_port="auto", verify_models=keys.private)


def test_commands(model: Path, keys: Keys, tmp_path: Path) -> None:
    lightship = runner(BIN / "lightship", tmp_path)
    key = encrypted(keys.private, "letter")
    refused = lightship("sign", model, "--key", key)
    assert (refused.returncode, "LIGHTSHIP_SIGN_PASSWORD" in refused.stderr) == (1, True)
    done = lightship("sign", model, "--key", key, "--json", env={"LIGHTSHIP_SIGN_PASSWORD": "letter"})
    assert json.loads(done.stdout)["name"] == "half/1"
    assert "letter" not in done.stdout + done.stderr
    assert f"signed {model / '1'} as half/1" in lightship("sign", model / "1", "--key", keys.private).stdout
    assert "is a public key" in lightship("sign", model, "--key", keys.public).stderr
    assert "none.pem is not a file" in lightship("serve", model, "--verify-models", tmp_path / "none.pem").stderr


@pytest.mark.parametrize("command", ["lightship", "lightship-model-server"])
def test_servers_of_both_commands_and_all_workers_verify(model: Path, keys: Keys, tmp_path: Path, command: str) -> None:
    sign(model / "1", keys.private)
    shutil.copytree(model / "1", model / "2")  # was signed as version 1
    if command == "lightship":
        words = ["serve", model, "--rest-port=auto", "--grpc-port=0", f"--verify-models={keys.public}", "--workers=2"]
    else:
        words = [f"--port={free_port()}", "--model_name=half", f"--model_base_path={model}"]
        words += ["--max_num_load_retries=0", f"--verify_models={keys.public}"]
    environment = clean_environment(LIGHTSHIP_SETTLE_SECONDS="0", LIGHTSHIP_CACHE_DIR=str(tmp_path / "cache"))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([BIN / command, *map(str, words)], stdout=log, stderr=log, env=environment)
    try:
        eventually(lambda: "was signed as version 1" in (tmp_path / "log").read_text())
    finally:
        process.terminate()
        process.wait(DEADLINE)
    assert len(re.findall("ERROR .*cannot be loaded: .*was signed as version 1", (tmp_path / "log").read_text())) == 1
    assert not copies(tmp_path / "cache")


def test_workers_remove_their_copies_when_the_server_ends(model: Path, keys: Keys, tmp_path: Path) -> None:
    sign(model / "1", keys.private)
    words = ["serve", model, "--rest-port=auto", "--grpc-port=0", f"--verify-models={keys.public}", "--workers=2"]
    environment = clean_environment(LIGHTSHIP_SETTLE_SECONDS="0", LIGHTSHIP_CACHE_DIR=str(tmp_path / "cache"))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([BIN / "lightship", *map(str, words)], stdout=log, stderr=log, env=environment)
    try:
        eventually(lambda: "{name: half version: 1} is AVAILABLE" in (tmp_path / "log").read_text())
        assert copies(tmp_path / "cache")
    finally:
        process.terminate()
        process.wait(DEADLINE)
    assert not copies(tmp_path / "cache")
