"""Reads the tables `[models.NAME]` of a configuration file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from lightship.cli.advice import SERVE
from lightship.cli.config.faults import Fault
from lightship.cli.config.toml_places import Places
from lightship.cli.config.values import path_in, shown, whole_number
from lightship.cli.model_argument import model_argument
from lightship.errors import LightshipError
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific, VersionPolicy, fits_in_url, local_path
from lightship.server.folders import check_folder
from lightship.services.nearest_name import KnownNames
from lightship.store.urls import is_url

Value = TypeVar("Value")

POLICIES = ("versions", "latest", "all")
KEYS = ("path", *POLICIES, "labels")
_EXAMPLE = 'path = "models/dog"'


class ModelTables:
    """Reads models, and collects what is wrong with them."""

    def __init__(
        self, places: Places, folder: Path, options: Collection[str], served: Mapping[str, Path] | None = None
    ) -> None:
        """folder: that of the file, where relative paths begin. options: the names of the server's own options.

        served: the folders of the models that are served already, which may be missing for a while.
        """
        self._places, self._folder, self._options, self._served = places, folder, options, served or {}
        self.faults: list[Fault] = []

    def read(self, tables: object) -> list[ModelConfig]:
        """Returns the models that have no fault."""
        if not isinstance(tables, dict):
            self._wrong(f"models is not a table: write [models.NAME], and below it {_EXAMPLE}", "models")
            return []
        found = [self._model(name, table) for name, table in tables.items()]
        return [model for model in found if model is not None]

    def _model(self, name: str, table: object) -> ModelConfig | None:
        before = len(self.faults)
        where = ("models", name)
        if not name.strip() or not _is_name(name):
            self._wrong(f'"{name}" cannot be the name of a model: it is empty, . or .., or has one of / : =', *where)
        if not isinstance(table, dict):
            self._wrong(f"model {name} is not a table: write [models.{name}], and below it {_EXAMPLE}", *where)
            return None
        for key in table:
            if key not in KEYS:
                self._unknown(name, key)
        policy = self._policy(name, table)
        labels = self._labels(name, table.get("labels", {}), policy)
        model = self._located(name, table) if len(self.faults) == before or "path" in table else None
        if "path" not in table:
            self._wrong(f"model {name} has no path: give {_EXAMPLE}", *where)
        if model is None or len(self.faults) > before:
            return None
        return replace(model, policy=policy, labels=labels)

    def _unknown(self, name: str, key: str) -> None:
        if key in self._options:
            message = f"{key} is an option of the server, not of model {name}: write it above the first [table]"
            self._wrong(message, "models", name, key)
            return
        near = KnownNames(KEYS).nearest(key) or ""
        meant = f"did you mean {near}?" if near else f"a model has {', '.join(KEYS[:-1])} and {KEYS[-1]}"
        self._wrong(f'model {name} has no setting "{key}": {meant}', "models", name, key, meant=near)

    def _located(self, name: str, table: Mapping[str, Any]) -> ModelConfig | None:
        """Returns a model with its folder."""
        if "path" not in table or not _is_name(name):
            return None
        return self._valued(lambda: self._in_folder(name, table["path"]), "models", name, "path")

    def _in_folder(self, name: str, given: object) -> ModelConfig:
        path = path_in(self._folder, given)  # raises for what is not a text
        text = str(given) if "://" in str(given) else str(path)
        if name in self._served and not is_url(text) and local_path(text) == self._served[name]:
            return ModelConfig(name, local_path(text))
        model = model_argument(f"{name}={text}", SERVE)
        check_folder(model, strict=False)
        return model

    def _policy(self, name: str, table: Mapping[str, Any]) -> VersionPolicy:
        given = [key for key in POLICIES if key in table]
        for key in given[1:]:
            message = f"model {name} has both {given[0]} and {key}: give one of {', '.join(POLICIES)}"
            self._wrong(message, "models", name, key)
        if not given:
            return Latest()
        value, where = table[given[0]], ("models", name, given[0])
        if given[0] == "versions":
            return Specific(self._versions(value, where))
        if given[0] == "latest":
            return Latest(self._valued(lambda: whole_number(value, 1), *where) or 1)
        if value is not True:
            self._wrong_value(f"{shown(value)} is not true: give all = true, or leave it out for the newest", *where)
        return All()

    def _versions(self, given: object, where: tuple[str, ...]) -> list[int]:
        if not isinstance(given, list) or not given:
            meant = "all = true" if given == "all" else "a list of version numbers, such as [1, 2]"
            self._wrong_value(f"{shown(given)} names no versions: give {meant}", *where)
            return []
        found = [self._version(one, *where, index) for index, one in enumerate(given)]
        return [version for version in found if version is not None]

    def _version(self, given: object, *path: str | int) -> int | None:
        return self._valued(lambda: whole_number(given, 0), *path)

    def _labels(self, name: str, given: object, policy: VersionPolicy) -> dict[str, int]:
        where = ("models", name, "labels")
        if not isinstance(given, dict):
            self._wrong_value(f"{shown(given)} is not a table: give labels such as {{ stable = 1 }}", *where)
            return {}
        labels: dict[str, int] = {}
        for label, value in given.items():
            version = self._version(value, *where, label)
            if not label.strip():
                self._wrong("a label is empty: give it a name, such as stable", *where, label)
            if version is None:
                continue
            labels[label] = version
            if isinstance(policy, Specific) and policy.versions and version not in policy.versions:
                message = f"label {label} is for version {version}, which is not in versions = {list(policy.versions)}"
                self._wrong_value(message, *where, label)
        return labels

    def _valued(self, read: Callable[[], Value], *path: str | int) -> Value | None:
        try:
            return read()
        except LightshipError as error:
            self._wrong_value(error.message, *path)
            return None

    def _wrong_value(self, message: str, *path: str | int) -> None:
        setting = ".".join(part for part in path if isinstance(part, str))
        self.faults.append(Fault(self._places.of_value(*path), f"{setting}: {message}"))

    def _wrong(self, message: str, *path: str | int, meant: str = "") -> None:
        self.faults.append(Fault(self._places.of_key(*path), message, meant))


def _is_name(name: str) -> bool:
    """Returns whether a model can be asked for by this name, and be given as name=path."""
    return fits_in_url(name) and "=" not in name
