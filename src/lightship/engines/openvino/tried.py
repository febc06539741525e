"""Imports signatures that a helper process has compiled and stored in the cache."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from lightship.engines.base import CannotRun, EngineOptions
from lightship.engines.cache import Damaged, Entry
from lightship.engines.cache_keys import cache_key, digest_of_folder
from lightship.engines.folder_stamp import Stamp, check_unchanged, stamp_of_folder
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, Description
from lightship.engines.openvino.runtime import core, explain, openvino, properties, start_workers
from lightship.engines.openvino.shapes import Shapes
from lightship.engines.openvino.trial_request import request_for
from lightship.engines.trial import TrialFailed, Trials, names_shortage
from lightship.errors import DataLoss
from lightship.memory import returning_freed_memory
from lightship.priority import at_low_priority, same_priority
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import Signature
from lightship.threads import start_thread

logger = logging.getLogger(__name__)


class Tried:
    """Imports a compiled signature from the cache. If it is not there, a helper process compiles and tries it first."""

    def __init__(
        self,
        folder: Path,
        signature: Signature,
        options: EngineOptions,
        trials: Trials,
        digests: Digests | None = None,
    ) -> None:
        """`digests` are those of the files in the folder, if some are known."""
        self._folder, self._signature, self._options, self._trials = folder, signature, options, trials
        self._digests = digests or Digests(folder)
        self._digest = ""
        self._stamp: Stamp = frozenset()

    def signature(self) -> tuple[Description, Mapping[str, Compiled]]:
        """Returns the description and the models of the signature.

        Raises CannotRun if OpenVINO must not run it or the helper process ended, and DataLoss for files that cannot be
        read.
        """
        return self._imported(None)

    def copies(self, names: Iterable[str], *, streams: int = 1, threads: int = 0) -> Mapping[str, Compiled]:
        """Imports the models again. If the cache has lost them, a helper process compiles them again."""
        request = request_for(self._folder, self._signature, self._options, None)
        try:
            check_unchanged(self._folder, self._stamp)
            entry = self._prepared(request, cache_key({**request, "folder": self._digest}))
        except DataLoss as changed:
            raise CannotRun(changed.message) from changed
        if not entry.info["written"]:
            raise CannotRun("there is no space for compiled models")
        description = Description.of_json(entry.info)
        options = replace(self._options, threads=threads or self._options.threads)
        try:
            return {name: self._import(entry, name, description, options, streams) for name in names}
        except Damaged as damaged:
            raise CannotRun(str(damaged)) from damaged

    def digest(self) -> str:
        return self._digest

    def variant(self, shapes: Shapes, sample: Shapes) -> Compiled:
        variant = [{name: list(shape) for name, shape in one.items()} for one in (shapes, sample)]
        return self._imported(variant)[1][DECLARED]

    def _imported(self, variant: Sequence[Mapping[str, Any]] | None) -> tuple[Description, Mapping[str, Compiled]]:
        """Imports the models. If the cache entry is damaged, it is removed and the signature is compiled again."""
        stamp = stamp_of_folder(self._folder)
        request = request_for(self._folder, self._signature, self._options, variant)
        self._digest, self._stamp = digest_of_folder(self._folder, digests=self._digests), stamp
        key = cache_key({**request, "folder": self._digest})
        found = self._unless_damaged(request, key, variant)
        check_unchanged(self._folder, stamp)
        return found

    def _unless_damaged(
        self, request: Mapping[str, Any], key: str, variant: Sequence[Mapping[str, Any]] | None
    ) -> tuple[Description, Mapping[str, Compiled]]:
        try:
            entry = self._prepared(request, key)
            return self._read(entry) if entry.info["written"] else self._compiled_here(entry, key, variant)
        except Damaged as damaged:
            logger.warning("%s: the signature is compiled again", damaged)
            self._trials.forget(key)
        try:
            return self._read(self._prepared(request, key))
        except Damaged as damaged:
            raise CannotRun(f"the compiled model was damaged, also after it was compiled again: {damaged}") from damaged

    def _compiled_here(
        self, entry: Entry, key: str, variant: Sequence[Mapping[str, Any]] | None
    ) -> tuple[Description, Mapping[str, Compiled]]:
        """Compiles in this process. The helper process tried the signature, but had no space to write the models."""
        from lightship.engines.openvino.unchecked import Unchecked

        self._trials.forget(key)
        here = Unchecked(self._folder, self._signature, self._options)
        description, models = here.signature() if variant is None else here.built_variant(*variant)
        tried = Description.of_json(entry.info)
        return replace(description, joinable=tried.joinable, proof=tried.proof), models

    def _prepared(self, request: Mapping[str, Any], key: str) -> Entry:
        # This process needs OpenVINO too, so it imports it while the helper works.
        imported = Event()
        importing = start_thread(_import_ahead, imported, name="lightship-import")
        try:
            entry = self._trials.prepare(request, key, partial(check_unchanged, self._folder, self._stamp))
        except TrialFailed as failed:
            raise CannotRun(failed.reason) from failed
        finally:
            if importing:
                imported.wait()  # also if this failed: a process that ends while a thread loads a library may crash
        if "cannot_run" in entry.info:
            raise CannotRun(str(entry.info["cannot_run"]), str(entry.info["operation"]))
        return entry

    def _read(self, entry: Entry) -> tuple[Description, Mapping[str, Compiled]]:
        try:
            description = Description.of_json(entry.info)
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"the description of a compiled model cannot be read ({error!r})") from error
        names = list(description.guards)
        if self._options.low_priority:
            start_workers()
            return description, at_low_priority(partial(self._import_all, entry, names, description))
        return description, self._import_all(entry, names, description)

    def _import_all(self, entry: Entry, names: Sequence[str], description: Description) -> Mapping[str, Compiled]:
        # OpenVINO uses one core for each.
        with ThreadPoolExecutor(max(1, len(names)), "lightship-import", same_priority()) as threads:
            models = threads.map(lambda name: self._import(entry, name, description, self._options), names)
            return dict(zip(names, models, strict=True))

    def _import(
        self, entry: Entry, name: str, description: Description, options: EngineOptions, streams: int = 1
    ) -> Compiled:
        # The bytes are read into OpenVINO's own memory. No file stays mapped, and nothing large is copied, which would
        # stop all other threads.
        with returning_freed_memory():
            size = entry.size(name)
            blob = openvino().Tensor(np.uint8, [size])
            entry.read_into(name, memoryview(blob.data))
            try:
                compiled: Any = core().import_model(blob, "CPU", properties(options, streams, size=size))
            except RuntimeError as error:
                if names_shortage(str(error)):
                    raise CannotRun(f'the compiled model "{name}" cannot be imported: {explain(error)}') from error
                raise Damaged(f'the compiled model "{name}" cannot be imported ({error})') from error
        return Compiled(compiled, description.inputs, description.outputs, description.guards[name])


def _import_ahead(imported: Event) -> None:
    try:
        with suppress(CannotRun):  # the helper process says that OpenVINO is not installed
            core()
    finally:
        imported.set()
