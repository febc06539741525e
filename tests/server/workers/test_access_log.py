"""The access log of several workers, in one file or on the standard output that they share."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from tests.server.workers.conftest import Asker, GrpcAsker, Start, eventually, load


@pytest.mark.parametrize("into", ["file", "standard output"])
def test_the_lines_of_all_workers_are_whole(start: Start, models: Path, tmp_path: Path, into: str) -> None:
    path = tmp_path / "access.log"
    served = start(models, "--access-log=json", *(["--access-log-file", path] if into == "file" else []))
    askers = [*(Asker(served.port) for _ in range(3)), *(GrpcAsker(served.grpc_port) for _ in range(3))]
    with load(*askers):
        eventually(lambda: sum(asker.answered for asker in askers) > 1000)
    served.signal()
    assert served.ended() == 0
    assert not any(asker.lost for asker in askers)
    lines = (path.read_text() if into == "file" else served.log).splitlines()
    found = [json.loads(line) for line in lines if "bytes_in" in line]
    calls = [one for one in found if one["model"] == "m"]
    assert len(calls) == sum(asker.answered for asker in askers)
    assert len({one["id"] for one in found}) == len(found)


def test_a_renamed_file_is_opened_anew_by_all_workers(start: Start, models: Path, tmp_path: Path) -> None:
    path, renamed = tmp_path / "access.log", tmp_path / "access.log.1"
    served = start(models, "--access-log=text", "--access-log-file", path)
    path.rename(renamed)
    served.signal(signal.SIGHUP)
    asked = 0

    def all_are_in_the_new_file() -> bool:
        nonlocal asked
        before = path.read_text().count("GET /livez")
        for _ in range(16):
            served.get("/livez")
        asked += 16
        eventually(lambda: sum(one.read_text().count("GET /livez") for one in (path, renamed)) == asked)
        return path.read_text().count("GET /livez") == before + 16

    eventually(path.exists)
    eventually(all_are_in_the_new_file)
