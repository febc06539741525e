"""What helper processes do in tests: go well, fail, hang, crash."""

from __future__ import annotations

import os
import signal
import threading
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


def _crash(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    (out / "half").write_bytes(b"half")
    with open(request["log"], "a") as log:
        log.write("crash\n")
    os.kill(os.getpid(), request.get("signal", signal.SIGSEGV))
    return {}


def _crash_once(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    if os.path.exists(request["log"]):
        return {"answered": True}
    return _crash({**request, "signal": signal.SIGKILL}, out)


def _hang(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    Path(request["log"]).write_text(f"{os.getpid()}\n")
    threading.Event().wait()
    return {}


def _grow(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    held = [bytes([1]) * (64 << 20) for _ in range(64)]
    threading.Event().wait()
    return {"held": len(held)}


def _refuse(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    raise DataLoss("the weights are broken")


def _fail(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    raise ZeroDivisionError("oh")


def _leave(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    os.write(2, b"something went badly wrong\n")
    os._exit(3)


def _about(request: Mapping[str, Any], out: Path) -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "score": Path("/proc/self/oom_score_adj").read_text().strip(),
        "nice": os.nice(0),
        "session": os.getsid(0) == os.getpid(),
        "main": __import__("sys").modules["__main__"].__dict__.get("__file__", ""),
    }
