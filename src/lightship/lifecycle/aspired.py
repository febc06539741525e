"""Finds the versions in a model's folder that its version policy selects (the aspired versions)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific, VersionPolicy
from lightship.saved_model.versions import version_entries


class Aspired(NamedTuple):
    """The versions that should be loaded, and warnings about the folder in whole sentences."""

    versions: dict[int, Path]
    warnings: list[str]
    # Those of the warnings that name no entry of the folder.
    missing: list[str] = []


def find_aspired(config: ModelConfig) -> Aspired:
    """Reads the model's folder. Raises NotFound if it does not exist, PermissionDenied if it may not be listed."""
    policy = config.policy
    if isinstance(policy, Specific):
        plain = {number: config.path / str(number) for number in policy.versions}
        if plain and all(path.is_dir() for path in plain.values()):
            return Aspired(plain, [])
    entries = version_entries(config.path)
    warnings = _duplicates(config, entries)
    if isinstance(policy, All):
        return Aspired(_first_of_each(entries), warnings)
    found = dict(entries)  # if several entries have the same number, the last name in lexical order
    if isinstance(policy, Latest):
        highest = sorted(found, reverse=True)[: max(1, policy.count)]
        return Aspired({number: found[number] for number in highest}, warnings)
    missing = _missing(config, policy, found)
    there = {number: found[number] for number in policy.versions if number in found}
    return Aspired(there, warnings + missing, missing)


def selected(policy: VersionPolicy, numbers: Collection[int]) -> list[int]:
    """Returns which of the versions with these numbers a policy selects."""
    if isinstance(policy, Specific):
        return [number for number in policy.versions if number in numbers]
    descending = sorted(numbers, reverse=True)
    return descending if isinstance(policy, All) else descending[: max(1, policy.count)]


def missing_versions(config: ModelConfig, found: Collection[int]) -> list[str]:
    """Returns a sentence for each version that the policy names and that was not found."""
    return _missing(config, config.policy, found) if isinstance(config.policy, Specific) else []


def _first_of_each(entries: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    first: dict[int, Path] = {}
    for number, path in entries:
        first.setdefault(number, path)
    return first


def _duplicates(config: ModelConfig, entries: Iterable[tuple[int, Path]]) -> list[str]:
    names: dict[int, list[str]] = {}
    for number, path in entries:
        names.setdefault(number, []).append(path.name)
    served = 0 if isinstance(config.policy, All) else -1
    return [
        f"Several entries of {config.path} are version {number} of servable {config.name}: "
        f"{', '.join(map(repr, several))}; {several[served]!r} is used, remove the others"
        for number, several in names.items()
        if len(several) > 1
    ]


def _missing(config: ModelConfig, policy: Specific, found: Collection[int]) -> list[str]:
    if not policy.versions:
        return [
            f"The version policy of servable {config.name} names no version, so nothing is served: add versions to it"
        ]
    return [
        f"Version {number} of servable {config.name}, which its version policy names, is not in {config.place}"
        for number in policy.versions
        if number not in found
    ]
