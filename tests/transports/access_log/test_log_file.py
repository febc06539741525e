"""The file of the access log: full pipes and disks, several writers, and files that are renamed."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lightship.errors import InvalidArgument
from lightship.transports.access_log.log_file import LogFile, _Chunk, _missing
from lightship.transports.access_log.whole_lines import WholeLines

LIMIT = 60  # seconds


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def dropped_line(number: int) -> bytes:
    return b"dropped=%d\n" % number


@pytest.fixture
def make() -> Iterator[Callable[..., LogFile]]:
    made: list[LogFile] = []

    def making(path: Path | None, **options: int) -> LogFile:
        made.append(LogFile(path, dropped_line, **options))  # type: ignore[arg-type]
        return made[-1]

    yield making
    for one in made:
        one.close()


def test_lines_are_appended_and_written_when_it_is_closed(make: Callable[..., LogFile], tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    log = make(path)
    for number in range(100):
        log.put(b"line %d\n" % number, 1)
    log.close()
    assert path.read_text().splitlines() == ["before", *(f"line {number}" for number in range(100))]


def test_lines_are_written_without_being_closed(make: Callable[..., LogFile], tmp_path: Path) -> None:
    make(tmp_path / "log").put(b"line\n", 1)
    until(lambda: (tmp_path / "log").read_bytes() == b"line\n")


def test_a_file_that_was_renamed_is_opened_anew(make: Callable[..., LogFile], tmp_path: Path) -> None:
    path, renamed = tmp_path / "log", tmp_path / "log.1"
    log = make(path)
    log.put(b"first\n", 1)
    until(lambda: path.read_bytes() == b"first\n")
    path.rename(renamed)
    log.put(b"second\n", 1)
    until(lambda: renamed.read_bytes() == b"first\nsecond\n")
    log.reopen()
    until(path.exists)
    log.put(b"third\n", 1)
    until(lambda: path.read_bytes() == b"third\n")
    assert renamed.read_bytes() == b"first\nsecond\n"


def test_the_open_file_is_kept_if_the_path_cannot_be_opened(
    make: Callable[..., LogFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, path = tmp_path / "logs", tmp_path / "logs" / "log"
    folder.mkdir()
    log = make(path)
    folder.rename(tmp_path / "moved")
    log.reopen()
    until(lambda: "goes on in the file that is open" in caplog.text)
    log.put(b"line\n", 1)
    until(lambda: (tmp_path / "moved" / "log").read_bytes() == b"line\n")


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "nowhere" / "log", tmp_path, tmp_path / "fifo"):
        with pytest.raises(InvalidArgument, match=re.escape(f"the access log {path} cannot be written")):
            LogFile(path, dropped_line)


def test_what_a_full_pipe_does_not_take_is_dropped_and_counted(make: Callable[..., LogFile], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    line, number = b"x" * 99 + b"\n", 5000
    filling = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):  # it takes 65,536 bytes
        while os.write(filling, line):
            number += 1
    os.close(filling)
    log = make(fifo, max_waiting=100_000)
    for _ in range(5000):
        log.put(line, 1)
    os.set_blocking(reader, True)
    received = bytearray()

    def receive() -> None:
        while data := os.read(reader, 1 << 16):
            received.extend(data)

    receiving = threading.Thread(target=receive, daemon=True)
    receiving.start()
    until(lambda: len(received) >= 100_000)
    until(lambda: not log._waiting)
    log.put(b"after\n", 1)
    log.close()
    receiving.join(LIMIT)
    os.close(reader)
    *lines, told, last = bytes(received).splitlines(keepends=True)
    assert set(lines) == {line}
    assert told == b"dropped=%d\n" % (number - len(lines))
    assert last == b"after\n"


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting(make: Callable[..., LogFile], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log = make(fifo)
    for _ in range(100):
        log.put(b"x" * 99_999 + b"\n", 1)
    assert log._waiting <= 4 << 20
    log.close()
    log._thread.join(LIMIT)
    assert not log._thread.is_alive()
    os.close(reader)


def test_a_pipe_whose_reader_has_gone_drops_lines(
    make: Callable[..., LogFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log = make(fifo)
    os.close(reader)
    log.put(b"a\nb\n", 2)
    until(lambda: log._dropped == 2)
    assert f"{fifo} cannot be written" in caplog.text
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    log.put(b"c\n", 1)
    until(lambda: not log._waiting)
    assert os.read(reader, 1000) == b"dropped=2\nc\n"
    os.close(reader)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_lost_line_about_dropped_lines_adds_them_to_the_next(make: Callable[..., LogFile], tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = make(path)
    for number, missing in ((2, 2), (1, 3), (4, 7)):  # from the second on, a line about the ones before is lost too
        log.put(b"lost\n" * number, number)
        until(lambda missing=missing: log._dropped == missing and not log._waiting)  # type: ignore[misc]
    path.unlink()
    log.reopen()
    until(path.exists)
    log.put(b"last\n", 1)
    until(lambda: path.read_bytes() == b"dropped=7\nlast\n")


def test_a_line_about_dropped_lines_that_was_written_is_not_counted_again() -> None:
    chunks = [_Chunk(b"a\nb\n", 2), _Chunk(b"dropped=9\n", 1, told=9), _Chunk(b"c\nd\n", 2)]
    assert [_missing(chunks, unwritten) for unwritten in range(6)] == [0, 1, 2, 11, 12, 13]


def test_a_line_that_a_full_disk_cut_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    """A limit on the size of files is as good as a full disk: a part of the line is written, then nothing."""
    program = f"""
import os, resource, signal
from lightship.transports.access_log.whole_lines import WholeLines
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lines = WholeLines(os.open({str(tmp_path / "log")!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
print(lines.write(b"first\\nsecond\\nthird\\n"), lines.error is not None)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(lines.write(b"fourth\\n"), lines.error is not None)
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=LIMIT)
    assert shown.stdout.split() == ["2", "True", "0", "False"]
    assert (tmp_path / "log").read_bytes() == b"first\nseco\nfourth\n"


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_lines_of_several_processes_do_not_mix(tmp_path: Path, kind: str) -> None:
    program = """
import sys
from pathlib import Path
from lightship.transports.access_log.log_file import LogFile
path, name = sys.argv[1:]
log = LogFile(Path(path) if path else None, lambda number: b"", shared=True, max_waiting=1 << 30)
for number in range(3000):
    log.put((name * (50 + number % 200) + "\\n").encode() * 7, 7)
log.close()
"""
    path = tmp_path / "log"
    reader, writer = os.pipe()
    words = [str(path) if kind == "file" else ""]
    writers = [
        subprocess.Popen([sys.executable, "-c", program, *words, name], stdout=writer) for name in ("a", "b", "c")
    ]
    os.close(writer)
    with open(reader, "rb") as pipe:
        received = pipe.read()
    assert [one.wait(LIMIT) for one in writers] == [0, 0, 0]
    lines = (path.read_bytes() if kind == "file" else received).splitlines()
    assert len(lines) == 3 * 3000 * 7
    assert all(len(set(line)) == 1 for line in lines)


def test_the_parts_for_a_shared_pipe_are_whole_lines_and_short() -> None:
    reader, writer = os.pipe()
    lines = b"".join(b"%0*d\n" % (size, size) for size in range(1, 4000, 7))
    parts = [lines[start:end] for start, end in WholeLines(writer, shared=True)._parts(lines)]
    assert b"".join(parts) == lines
    assert all(part.endswith(b"\n") and len(part) <= 4096 for part in parts)
    os.close(reader)
    os.close(writer)
