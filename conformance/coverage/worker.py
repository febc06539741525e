"""Asks models in a process without TensorFlow: reads lines with the number of a row and its folder, and writes JSON."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from conformance.coverage.asking import Found, ask, without_tensorflow
from conformance.coverage.rows import all_rows
from lightship import protos
from lightship.engines import EngineOptions
from lightship.tensors.tensor_proto import array_of
from lightship.tensors.tensor_writing import write_tensor


class Worker:
    """The process, as a context manager."""

    def __enter__(self) -> Worker:
        command = [sys.executable, "-m", "conformance.coverage.worker"]
        self._process = subprocess.Popen(
            command, env=without_tensorflow(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def ask(self, number: int, folder: Path) -> Found:
        """Asks the model of the row with this number everything. Raises RuntimeError if the process ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([number, str(folder)]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process without TensorFlow ended with {self._process.wait()}")
        return _decoded(json.loads(line))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def main() -> None:
    assert find_spec("tensorflow") is None
    logging.disable(logging.CRITICAL)
    rows = all_rows()
    for line in sys.stdin:
        number, folder = json.loads(line)
        print(json.dumps(_encoded(ask(rows[number], Path(folder), EngineOptions()))), flush=True)


def _encoded(found: Found) -> dict[str, Any]:
    answers = {
        signature: [{name: _text(array) for name, array in one.items()} for one in several]
        for signature, several in found.answers.items()
    }
    return {"engine": found.engine, "reason": found.reason, "error": found.error, "answers": answers}


def _decoded(fields: dict[str, Any]) -> Found:
    answers = {
        signature: [{name: _array(text) for name, text in one.items()} for one in several]
        for signature, several in fields["answers"].items()
    }
    return Found(fields["engine"], fields["reason"], fields["error"], answers)


def _text(array: Any) -> str:
    tensor = protos.TensorProto()
    write_tensor(tensor, array)
    return base64.b64encode(tensor.SerializeToString()).decode()


def _array(text: str) -> Any:
    return array_of(protos.TensorProto.FromString(base64.b64decode(text)))


if __name__ == "__main__":
    main()
