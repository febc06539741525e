"""What helper processes do in tests: go well, fail, hang, crash."""

from __future__ import annotations

import errno
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightship.errors import DataLoss


def work(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    return globals()[f"_{request['what']}"](request, out)  # type: ignore[no-any-return]


def _write(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    (out / "blob").write_bytes(b"compiled" * 1000)
    with open(request["log"], "a") as log:
        log.write(f"{os.getpid()}\n")
    return {"pid": os.getpid()}


def _print_and_write(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    print("a library's message", flush=True)
    os.write(1, b"another's")
    (out / "blob").write_bytes(b"compiled" * 1000)
    return {"printed": True}


def _crash(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    (out / "half").write_bytes(b"half")
    with open(request["log"], "a") as log:
        log.write("crash\n")
    os.kill(os.getpid(), request.get("signal", signal.SIGSEGV))
    return {}


def _lack(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Finds no further thread the first time: as OpenVINO reports it, or so that TensorFlow aborts."""
    if os.path.exists(request["log"]):
        return {"answered": True}
    reason = f"OpenVINO cannot compile the graph: {os.strerror(errno.EAGAIN)}"
    if request["aborts"]:
        print(f"terminate called: {reason}\n    @ 0x7f3bf6cf155f  a frame of the stack", file=sys.stderr, flush=True)
        return _crash({**request, "signal": signal.SIGABRT}, out)
    Path(request["log"]).touch()
    return {"cannot_run": reason, "operation": ""}


def _crash_once(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    if os.path.exists(request["log"]):
        return {"answered": True}
    return _crash({**request, "signal": signal.SIGKILL}, out)


def _hang(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    Path(request["log"]).write_text(f"{os.getpid()}\n")
    threading.Event().wait()
    return {}


def _grow(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    held = [bytes([1]) * (64 << 20) for _ in range(16)]
    threading.Event().wait()
    return {"held": len(held)}


def _refuse(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    raise DataLoss("the weights are broken")


def _fail(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    raise ZeroDivisionError("oh")


def _leave(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    os.write(2, b"something went badly wrong\n")
    os._exit(3)


_harmed = False


def _harm(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    global _harmed
    _harmed = True
    return {}


def _unless_harmed(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    if _harmed:
        os.kill(os.getpid(), signal.SIGSEGV)
    return {"harmed": _harmed}


def _map(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    with open(request["file"], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        sum(mapped[::4096])
        time.sleep(0.3)
        return {"mapped": len(mapped)}


def _child_grows(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    code = "held = [bytes([1]) * (64 << 20) for _ in range(16)]; import time; time.sleep(60)"
    subprocess.run([sys.executable, "-c", code], check=True)
    return {}


def _crash_beside_a_child(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    Path(request["log"]).write_text(f"{child.pid}\n")
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def _half_an_answer(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    answers = json.loads(sys.argv[1])[2]
    os.write(answers, b"\xff\x00\x00\x00{")
    threading.Event().wait()
    return {}


def _fail_slowly(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    time.sleep(1.0)
    with open(request["log"], "a") as log:
        log.write("failed\n")
    raise ZeroDivisionError("oh")


def _overlap(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    with open(request["log"], "a") as log:
        log.write("begins\n")
        log.flush()
        time.sleep(0.5)
        log.write("ends\n")
    return {"pid": os.getpid()}


def _about(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "score": Path("/proc/self/oom_score_adj").read_text().strip(),
        "nice": os.nice(0),
        "core": list(resource.getrlimit(resource.RLIMIT_CORE)),
        "group": os.getpgrp(),
        "session": os.getsid(0),
        "processors": sorted(os.sched_getaffinity(0)),
        "main": __import__("sys").modules["__main__"].__dict__.get("__file__", ""),
    }


def _until_processors(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Computes until this process may use so many processors."""
    end = time.monotonic() + 90
    while len(os.sched_getaffinity(0)) < request["count"] and time.monotonic() < end:
        sum(range(100_000))
    return {"processors": sorted(os.sched_getaffinity(0))}
