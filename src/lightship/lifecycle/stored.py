"""Models in object stores, as a source sees them: what a store offers, by a model's version policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from lightship.errors import LightshipError
from lightship.lifecycle.aspired import missing_versions, selected
from lightship.lifecycle.attempts import LoadFunction
from lightship.lifecycle.model_config import ModelConfig
from lightship.lifecycle.servable import Servable, ServableId
from lightship.lifecycle.version_files import FilesSeen, fingerprint
from lightship.lifecycle.watched import Found
from lightship.store.stores import StoreOptions, Stores
from lightship.store.urls import model_name


class Stored(NamedTuple):
    """What was found of a model in an object store, and what the files of its versions look like."""

    found: Found
    files: Mapping[int, FilesSeen]
    notice: str


class StoredModels:
    """The models of a server that are in object stores."""

    def __init__(self, options: StoreOptions, folders: Callable[[str], Mapping[Path, bool]]) -> None:
        """folders: returns the folders that a model's versions use, as `Manager.folders` does."""
        self._stores = Stores(options, folders)

    def on_change(self, changed: Callable[[str], None]) -> None:
        """Lets `changed` be called with the name of a model when something else may be found of it, on any thread."""
        self._stores.changed = changed

    def follow(self, config: ModelConfig) -> None:
        """Follows a model with this policy, if it is in an object store; if not, follows it no longer."""
        if config.store is None:
            self._stores.leave(config.name)
        else:
            self._stores.follow(config.name, config.store, partial(selected, config.policy))

    def leave(self, name: str) -> None:
        """Follows a model no longer."""
        self._stores.leave(name)

    def look_now(self) -> None:
        """Lists all stores now, without waiting for that."""
        self._stores.look_now()

    def look(self, config: ModelConfig) -> Stored:
        """Returns what the store of a model offers. Never waits for the store."""
        offer = self._stores.offer(config.name)
        if offer.versions is None:
            return Stored(Found(None, offer.explanation or None, []), {}, "")  # the follower has logged it
        versions = dict(offer.versions)
        files = {
            number: FilesSeen(fingerprint(path), offer.unsettled.get(number, ""), number in offer.replacing)
            for number, path in versions.items()
        }
        warnings = missing_versions(config, versions)
        explanation = None
        if not versions:
            explanation = "; ".join(warnings) or "no version was found yet"
            warnings.append(
                f"No versions of servable {config.name} found under base path {config.place}. Did you forget to name "
                "your leaf directory as a number (eg. '/1/')?"
            )
        return Stored(Found(versions, explanation, warnings), files, offer.notice)

    def load(self, load: LoadFunction) -> LoadFunction:
        """Returns a function that loads as `load` does, but refuses versions that their stores cannot give."""

        def load_stored(servable: ServableId, path: Path) -> Servable:
            refusal = self._stores.refusal(servable.name, path)
            if refusal is not None:
                raise refusal
            try:
                loaded = load(servable, path)
            except LightshipError as error:
                url = self._stores.url(servable.name)
                if url is not None:
                    error.reword(in_store(error.message, path, url))
                raise
            self._stores.loaded(servable.name, path)
            return loaded

        return load_stored

    def close(self) -> None:
        """Ends all following. Must be called after the models are unloaded."""
        self._stores.close()


def in_store(message: str, copy: Path, url: str) -> str:
    """Returns a message about the copy of a version that names the version as it is in its store.

    Commands to run are for the folder from which it was uploaded, such as dog/1, because they read local folders only.
    """
    message = re.sub(rf"(`lightship \w+) {re.escape(str(copy))}", rf"\1 {model_name(url)}/{copy.name}", message)
    return message.replace(str(copy), f"{url}/{copy.name}")
