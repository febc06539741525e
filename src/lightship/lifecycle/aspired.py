"""Which versions of a model's folder a policy wants, in the order in which they are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.saved_model.versions import version_entries


class Aspired(NamedTuple):
    """versions: what should be there. remarks: what somebody should know, in whole sentences."""

    versions: dict[int, Path]
    remarks: list[str]


def find_aspired(config: ModelConfig) -> Aspired:
    """Looks into the model's folder. Raises NotFound if it is not there, PermissionDenied if it cannot be listed."""
    policy = config.policy
    if isinstance(policy, Specific):
        plain = {number: config.path / str(number) for number in policy.versions}
        if plain and all(path.is_dir() for path in plain.values()):
            return Aspired(plain, [])
    entries = version_entries(config.path)
    remarks = _doubles(config, entries)
    if isinstance(policy, All):
        return Aspired(_first_of_each(entries), remarks)
    found = dict(entries)  # of several with one number, the lexically last
    if isinstance(policy, Latest):
        highest = sorted(found, reverse=True)[: max(1, policy.count)]
        return Aspired({number: found[number] for number in highest}, remarks)
    return Aspired(
        {number: found[number] for number in policy.versions if number in found},
        remarks + _missing(config, policy, found),
    )


def _first_of_each(entries: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    first: dict[int, Path] = {}
    for number, path in entries:
        first.setdefault(number, path)
    return first


def _doubles(config: ModelConfig, entries: Iterable[tuple[int, Path]]) -> list[str]:
    names: dict[int, list[str]] = {}
    for number, path in entries:
        names.setdefault(number, []).append(path.name)
    served = 0 if isinstance(config.policy, All) else -1
    return [
        f"Several entries of {config.path} are version {number} of servable {config.name}: "
        f"{', '.join(map(repr, several))}; {several[served]!r} is the one that counts"
        for number, several in names.items()
        if len(several) > 1
    ]


def _missing(config: ModelConfig, policy: Specific, found: Mapping[int, Path]) -> list[str]:
    if not policy.versions:
        return [f"No version of servable {config.name} is asked for by its version policy: nothing of it is served"]
    return [
        f"Version {number} of servable {config.name}, which is asked for, is not in {config.path}"
        for number in policy.versions
        if number not in found
    ]
