"""A Lightship server of our own for a model's folder, as a child process on a free port of this host."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from lightship.errors import FailedPrecondition

_STOP_SECONDS = 15.0
_SHOWN = 500  # characters of what a server that does not start has printed
# The server ends when this process does, however that ends: Linux sends it a signal.
_MAIN = """
import ctypes, signal, sys
sys.path[:] = {path!r}
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
from lightship.cli import main
main()
"""


@dataclass(frozen=True, slots=True)
class ChildAddresses:
    """Where a model of our own server answers."""

    rest: str
    grpc: str


class ChildServer:
    """Starts `lightship serve FOLDER`, and stops it at the end of the context."""

    def __init__(self, folder: str, options: tuple[str, ...] = ()) -> None:
        """options: further ones of `lightship serve`."""
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._reader: threading.Thread | None = None
        self._printed = ""
        path = [str(Path.cwd()) if one == "" else one for one in sys.path]
        words = ["serve", folder, *("--rest-port", "auto", "--grpc-port", "auto", "--host", "127.0.0.1", "--json")]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN.format(path=path), *words, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C in the terminal is for this command, which then stops the server
        )

    def __enter__(self) -> ChildServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_ready(self) -> ChildAddresses:
        """Returns the addresses of its model. Raises FailedPrecondition with what it printed if it does not start."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            ready = json.loads(line)
            model = ready["models"][0]["name"]
            addresses = ChildAddresses(
                f"{ready['url']}/v1/models/{model}", f"grpc://127.0.0.1:{ready['grpc_port']}/{model}"
            )
        except (ValueError, LookupError, TypeError) as error:
            self.stop()
            raise FailedPrecondition(f"the server of the folder did not start: {self._printed}") from error
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()
        return addresses

    def stop(self) -> None:
        if self._process.poll() is None:
            with suppress(OSError):
                self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._log.closed:
            return
        with self._log:
            self._log.seek(0)
            text = " ".join(self._log.read().decode(errors="replace").split())
        self._printed = text[-_SHOWN:] or f"it ended with exit code {self._process.returncode} and printed nothing"
        if self._reader is not None:
            self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
