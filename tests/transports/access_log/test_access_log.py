"""The access log of a process, from records to its file."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from lightship.transports.access_log.access_log import AccessLog
from lightship.transports.access_log.record import AccessRecord, JoinedRecord


def record(number: int) -> AccessRecord:
    one = AccessRecord()
    one.begun = one.received = one.ended = time.monotonic()
    one.method, one.path, one.status, one.id = "GET", "/", 200, b"%d" % number
    return one


def ids(path: Path) -> list[str]:
    return [line.rpartition("id=")[2] for line in path.read_text().splitlines()]


def test_a_single_record_is_written_soon(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def one() -> None:
        log = AccessLog("text", path)
        log.add(record(1))
        end = time.monotonic() + 60
        while ids(path) != ["1"]:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        log.add(record(2))
        while ids(path) != ["1", "2"]:
            assert time.monotonic() < end
            await asyncio.sleep(0.01)
        log.close()

    asyncio.run(one())


def test_many_records_are_written_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "log"

    async def many() -> AccessLog:
        log = AccessLog("text", path)
        for number in range(10_000):
            log.add(record(number))
            if not number % 97:
                await asyncio.sleep(0)
        return log

    asyncio.run(many()).close()
    assert ids(path) == [str(number) for number in range(10_000)]


def test_requests_that_end_together_are_written_between_those_before_and_after(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sent: list[bytes] = []

    async def some() -> AccessLog:
        log = AccessLog("text", path)
        for turn in range(100):
            log.add(record(2 * turn))
            joined = JoinedRecord("GET", "/", 200, "m", 1, 0.0, 0.0, time.monotonic(), (b"", b""))
            log.add_joined(joined)
            made = [joined.members.add(log.clients["c"], 1.0, 1.0, 1, 1) for _ in range(5)]
            log.end_turn()
            log.add(record(2 * turn + 1))
            sent.extend([b"%d" % (2 * turn), *made, b"%d" % (2 * turn + 1)])
            await asyncio.sleep(0)
        return log

    asyncio.run(some()).close()
    assert ids(path) == [one.decode() for one in sent]
