"""Opens a version with a backend, after a helper process has tried it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightship.engines.backend import Runtime
from lightship.engines.backends.registry import load_backend
from lightship.engines.backends.request import request_for
from lightship.engines.base import CannotRun, EngineOptions, Joining, Program
from lightship.engines.cache_keys import cache_key, digest_of_folder
from lightship.engines.folder_stamp import Stamp, check_unchanged, stamp_of_folder
from lightship.engines.trial import TrialFailed, backend_trials_for
from lightship.errors import DataLoss
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import Signature

_NOT_TRIED: Mapping[str, Any] = {"proof": "", "joinable": False}


class TriedProgram:
    """A backend's signature, and what the trial has found out of it."""

    def __init__(self, program: Program, proof: str, joining: Joining | None) -> None:
        self._program, self.proof, self._joining = program, proof, joining
        self.precision = str(getattr(program, "precision", "f32"))
        self.run, self.close = program.run, program.close

    def try_run(
        self, inputs: Mapping[str, NDArray[Any]], outputs: Sequence[str], *, short: bool = False
    ) -> dict[str, NDArray[Any]] | None:
        """Runs like the backend's `try_run`. `short` is not told it: what it knows of its runs counts."""
        return self._program.try_run(inputs, outputs)

    def joining(self) -> Joining | None:
        return self._joining


class OpenedVersion:
    """A version folder that a backend has opened. Signatures are tried when they are first needed."""

    def __init__(
        self, folder: Path, saved_model: SavedModel, options: EngineOptions, digests: Digests | None = None
    ) -> None:
        """Opens nothing yet: `program` does, after a helper process has tried the signature."""
        self._folder, self._saved_model, self._options = folder, saved_model, options
        self._digests = digests or Digests(folder)
        self._runtime: Runtime | None = None

    def program(self, signature: Signature) -> TriedProgram:
        """Returns a signature, ready to run. Callers hold a lock.

        Raises CannotRun if the backend cannot run it, if its answers differ from TensorFlow's, or if the helper process
        ended; the errors of `Backend.open`; and DataLoss if the files were changed meanwhile.
        """
        stamp = stamp_of_folder(self._folder)
        found = _NOT_TRIED if self._options.trust else self._tried(signature, stamp)
        if self._runtime is None:
            self._runtime = load_backend(self._options.engine).open(self._folder, self._saved_model, self._options)
        program = self._runtime.program(signature)
        try:
            check_unchanged(self._folder, stamp)
        except DataLoss:
            program.close()
            raise
        joining = Joining(dict(found["costs"]), self._runtime.streams) if found["joinable"] else None
        return TriedProgram(program, found["proof"], joining)

    def close(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.close()

    def _tried(self, signature: Signature, stamp: Stamp) -> Mapping[str, Any]:
        request = request_for(self._folder, signature, self._options)
        trials = backend_trials_for(self._options)
        key = cache_key({**request, "folder": digest_of_folder(self._folder, digests=self._digests)})
        try:
            info = trials.prepare(request, key, partial(check_unchanged, self._folder, stamp)).info
        except TrialFailed as failed:
            raise CannotRun(failed.reason) from failed
        if "cannot_run" in info:
            raise CannotRun(str(info["cannot_run"]))
        return info
