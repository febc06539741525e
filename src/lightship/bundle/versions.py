"""The versions in a model's folder, and what is wrong with a folder that has none."""

from __future__ import annotations

import re
from pathlib import Path

VERSION = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
LARGEST = 2**63 - 1


def version_number(name: str) -> int | None:
    """The number that a folder's name is, as TensorFlow Serving reads it: `7`, `00000123`; None for any other name."""
    if not VERSION.fullmatch(name):
        return None
    number = int(name)
    return number if 0 <= number <= LARGEST else None


def list_versions(folder: Path) -> dict[int, Path]:
    """The versions of a model, in order of their numbers. Of two names with one number the lexically last counts.

    Raises OSError where the folder cannot be listed.
    """
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    numbered = {number: entry for entry in entries if (number := version_number(entry.name)) is not None}
    return dict(sorted(numbered.items()))


def explain_model_folder(folder: Path) -> str | None:
    """What is wrong with a model's folder and what mends it, in one line; None if it holds a version."""
    try:
        return _explain(folder)
    except PermissionError:
        return f"{folder} cannot be read: give this user the right to read and enter it"


def _explain(folder: Path) -> str | None:
    if not folder.exists():
        return f"{folder} does not exist: give the folder that holds the version folders, such as models/dog"
    if not folder.is_dir():
        return f"{folder} is a file: give the folder that holds the version folders, such as models/dog"
    versions = list_versions(folder)
    if (folder / "saved_model.pb").exists():
        return (
            f"{folder} is itself a SavedModel: versions are folders with a number inside the model's folder; "
            f"mend it with: mkdir {folder}/1 && mv {folder}/[!1]* {folder}/1/"
        )
    if versions:
        return None
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if not names:
        return f"{folder} is empty: write a version into it with `lightship export MODEL {folder}`"
    models = [name for name in names if (folder / name / "saved_model.pb").exists()]
    if models:
        return f"{folder} has no version: {models[0]} is no number; mend it with: mv {folder}/{models[0]} {folder}/1"
    return f"{folder} has no numeric version folder, only {', '.join(names[:5])}: write one with `lightship export MODEL {folder}`"
