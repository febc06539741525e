"""A version that the workers have loaded, in the process of their supervisor."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.lifecycle.servable import ServableId
from lightship.server.workers.link import Load

EngineOf = Callable[[Load, str], str]


class RemoteServable:
    """Has what the supervisor needs of a servable. `close` waits until all workers have closed theirs."""

    def __init__(self, load: Load, drop: Callable[[Load], None], engine_of: EngineOf) -> None:
        self.load, self._drop = load, drop
        self.engine = RemoteEngine(load, engine_of)

    @property
    def id(self) -> ServableId:
        return self.load.id

    @cached_property
    def bundle(self) -> Bundle:
        """Opens the version folder, whose files the workers have verified. Raises the errors of `open_bundle`."""
        return open_bundle(self.load.path, self.id.name, self.id.version, verify=False)

    def close(self) -> None:
        self._drop(self.load)


class RemoteEngine:
    """Tells which engine the workers use."""

    def __init__(self, load: Load, engine_of: EngineOf) -> None:
        self._load, self._engine_of = load, engine_of

    def engine_of(self, signature: str) -> str:
        return self._engine_of(self._load, signature)
