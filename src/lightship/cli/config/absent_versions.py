"""Finds versions that a configuration file names and that would not be served now. They may come later: no faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from lightship.cli.config.faults import MAX_FAULTS, Fault
from lightship.cli.config.toml_places import Places
from lightship.errors import LightshipError
from lightship.lifecycle.aspired import selected
from lightship.lifecycle.model_config import All, Latest, ModelConfig, Specific
from lightship.saved_model.versions import explain_model_folder, list_versions

_SHOWN = 10  # of the versions in a folder, the highest


def absent_versions(models: Sequence[ModelConfig], places: Places) -> list[Fault]:
    """Returns a warning for each version that is not in its model's folder, for each label without a version, and for
    each folder without any version.

    Object stores are not looked at, nor are folders that cannot be read.
    """
    return sorted(warning for model in models for warning in _of_model(model, places))[:MAX_FAULTS]


def _of_model(model: ModelConfig, places: Places) -> Iterator[Fault]:
    if model.store is not None:
        return
    try:
        there = list_versions(model.path)
    except LightshipError:  # a served model's folder may be missing for a while
        return
    if isinstance(model.policy, Specific):
        place = places.of_value("models", model.name, "versions")
        for number in model.policy.versions:
            if number not in there:
                reason = f"version {number} is not in {_folder(model, there)}: add it, and it will be served"
                yield Fault(place, f"models.{model.name}.versions: {reason}")
        return  # its labels are all for versions of the list
    if not there and (fault := explain_model_folder(model.path)):
        yield Fault(places.of_value("models", model.name, "path"), f"models.{model.name}.path: {fault}")
    yield from _of_labels(model, model.policy, there, places)


def _of_labels(model: ModelConfig, policy: Latest | All, there: Collection[int], places: Places) -> Iterator[Fault]:
    served = selected(policy, there)
    for label, number in model.labels.items():
        if number in served:
            continue
        if number in there:
            newest = f"newest version {served[0]} is" if len(served) == 1 else f"newest versions {_listed(served)} are"
            reason = (
                f"label {label} is for version {number}, but only the {newest} served: give "
                f"versions = {sorted({number, *served[:_SHOWN]})}, or another version for the label"
            )
        else:
            later = number in selected(policy, {*there, number})
            advice = "add it, and it will be served" if later else "give another version for the label"
            reason = f"label {label} is for version {number}, which is not in {_folder(model, there)}: {advice}"
        yield Fault(places.of_value("models", model.name, "labels", label), f"models.{model.name}.labels: {reason}")


def _folder(model: ModelConfig, there: Collection[int]) -> str:
    return f"{model.path} ({f'it has {_listed(there)}' if there else 'it has no version'})"


def _listed(numbers: Collection[int]) -> str:
    highest = sorted(numbers)[-_SHOWN:]
    more = f" and {len(numbers) - _SHOWN} lower ones" if len(numbers) > _SHOWN else ""
    return ", ".join(map(str, highest)) + more
