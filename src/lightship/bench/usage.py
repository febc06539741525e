"""Processor time and memory of a server on this host, from /proc: of the processes that listen on its address."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lightship.process_tree import process_tree

_LISTEN = "0A"
_TICKS_PER_SECOND = 100
if sys.platform != "win32":
    _TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_HELD = re.compile(r"^(?:RssAnon|RssShmem):\s+(\d+) kB", re.MULTILINE)
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ServerUsage:
    """What a server took during a run."""

    processes: int

    processor_seconds: float
    """Of all its processes, in `seconds`."""

    seconds: float

    memory: int
    """The most that it held at a time, in bytes: resident memory without files, which the system can reclaim."""

    @property
    def processors(self) -> float:
        """How many processors it used on average."""
        return self.processor_seconds / self.seconds if self.seconds else 0.0


class UsageMeter:
    """Measures the processes of a server and their children."""

    def __init__(self, pids: frozenset[int]) -> None:
        self._pids = pids
        self._began, self._times, self._ticks = 0, dict[int, int](), dict[int, int]()
        self._last, self._memory, self._processes = 0, 0, 0

    def begin(self, now: int) -> None:
        """Begins to count. now: nanoseconds of `perf_counter_ns`."""
        self._times = {pid: _ticks(pid) for pid in self._all()}
        self._began, self._ticks, self._memory = now, {}, 0
        self.look(now)

    def look(self, now: int) -> None:
        """Reads the times and the memory now."""
        pids = self._all()
        for pid in pids:
            self._ticks[pid] = _ticks(pid)
        self._last, self._processes = now, len(pids)
        self._memory = max(self._memory, sum(_memory(pid) for pid in pids))

    def usage(self) -> ServerUsage:
        ticks = sum(max(0, count - self._times.get(pid, 0)) for pid, count in self._ticks.items())
        seconds = (self._last - self._began) / 1e9
        return ServerUsage(self._processes, ticks / _TICKS_PER_SECOND, seconds, self._memory)

    def _all(self) -> set[int]:
        return {one for pid in self._pids for one in process_tree(pid)}


def server_processes(family: int, address: tuple[str, int] | str) -> frozenset[int]:
    """Returns the processes of this host that listen on an address; none if it is another host's.

    None either where /proc does not tell: for processes of other users, in other containers, and not on Linux.
    """
    if not isinstance(address, tuple) or not os.path.isdir("/proc/net") or not _is_local(family, address[0]):
        return frozenset()
    inodes = {f"socket:[{inode}]" for name in ("tcp", "tcp6") for inode in _listening(name, address[1])}
    return frozenset(_holders(inodes)) if inodes else frozenset()


def _is_local(family: int, host: str) -> bool:
    """An address is this host's if a socket can be bound to it."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True


def _listening(name: str, port: int) -> Iterator[str]:
    with suppress(OSError):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == _LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                yield words[9]


def _holders(sockets: set[str]) -> Iterator[int]:
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):
            if any(_link(one) in sockets for one in (process / "fd").iterdir()):
                yield int(process.name)


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _ticks(pid: int) -> int:
    """Returns the processor time of a process, in the system's clock ticks; 0 if it is gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[11]) + int(words[12])


def _memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    held = _HELD.findall(status) or _RESIDENT.findall(status)
    return 1024 * sum(map(int, held))
