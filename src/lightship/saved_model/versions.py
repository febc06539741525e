"""Finds the versions in a model's folder, and explains what to do if there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from shlex import quote

from lightship.errors import NotFound, PermissionDenied
from lightship.files import list_error
from lightship.saved_model.version_files import listed
from lightship.suffixes import IMAGE_SUFFIXES, KERAS_SUFFIXES, TFLITE_SUFFIX

SAVED_MODEL_FILE, SAVED_MODEL_TEXT = "saved_model.pb", "saved_model.pbtxt"
TFLITE_FILE = "model.tflite"

# TensorFlow Serving's parser accepts a sign, leading zeros and surrounding blanks.
_INT64 = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)[ \t\n\v\f\r]*", re.ASCII)
CLASSES_PICKLE = "classes.pickle"  # the labels in the older layout
SESSION_BUNDLE_FILE = "export.meta"  # of a format older than the SavedModel
_A_VERSION = f"a folder that contains a SavedModel, {SAVED_MODEL_FILE} and variables/"
_SHOWN = 5


def version_number(name: str) -> int | None:
    """Returns the version number of a folder's name, a decimal int64, and None for any other name."""
    match = _INT64.fullmatch(name)
    number = int(match[1]) if match else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def list_versions(folder: Path) -> dict[int, Path]:
    """Returns the files and folders whose name is a number, by that number.

    If several have the same number, returns the last name in lexical order. Raises NotFound if the folder does not
    exist, and PermissionDenied if it may not be listed.
    """
    return dict(version_entries(folder))


def version_entries(folder: Path) -> list[tuple[int, Path]]:
    """Returns every entry whose name is a number, in lexical order of names. Raises the errors of `list_versions`."""
    # Servers do this every second, and a folder may hold a million other files.
    numbered = [(name, number) for name in _names(folder) if (number := version_number(name)) is not None]
    return [(number, folder / name) for name, number in sorted(numbered)]


def has_saved_model(folder: Path) -> bool:
    """Returns whether a version folder has a SavedModel, binary or text."""
    # Without permission os.path.isfile returns False, but Path.is_file raises.
    return any(os.path.isfile(folder / name) for name in (SAVED_MODEL_FILE, SAVED_MODEL_TEXT))


def has_model(folder: Path) -> bool:
    """Returns whether a version folder has a model that a server can load: a SavedModel, or `model.tflite`."""
    return has_saved_model(folder) or os.path.isfile(folder / TFLITE_FILE)


def expected_in_model_folder(folder: Path) -> str | None:
    """Returns None if the folder contains a version, otherwise a line that says what to put there.

    It names no entry of the folder, so that it can be shown to anybody.
    """
    try:
        if list_versions(folder):
            return None
    except (NotFound, PermissionDenied) as error:
        return error.message
    return (
        f"{folder} contains no version, which is a folder named with a number, such as {folder}/1, that contains a "
        f"SavedModel: add a version with lightship export MODEL {quote(str(folder))}"
    )


def explain_model_folder(folder: Path) -> str | None:
    """Returns None if the folder contains a version, otherwise a line that says what it contains and what to do.

    It may name entries of the folder, so it is for the log and for users of this machine.
    """
    place, shown = quote(str(folder)), str(folder)
    if os.path.isfile(folder):
        return _explain_file(folder)
    missing = explain_missing_folder(folder)
    if missing:
        return missing
    try:
        if list_versions(folder):
            return None
        names = [name for name in _entries(folder) if not name.startswith(".")]
    except (NotFound, PermissionDenied) as error:
        return error.message
    if not names:
        return f"{shown} is empty: add a version with lightship export MODEL {place}"
    return _explain_entries(folder, names) or (
        f"{shown} contains no version, which is a folder named with a number, such as {shown}/1, that contains a "
        f"SavedModel; it contains {listed(names, _SHOWN)}: add a version with lightship export MODEL {place}"
    )


def explain_missing_folder(folder: Path) -> str | None:
    """Returns a line for a folder that does not exist, if a model nearby was probably meant; otherwise None.

    That is the model that has this version's place, or one whose folder has a similar name. It names entries of the
    folder above, so it is for the log and for users of this machine.
    """
    if os.path.lexists(folder) or not folder.name:
        return None
    number = version_number(folder.name)
    try:
        if number is not None and folder.parent.is_dir() and (versions := list_versions(folder.parent)):
            return f"{folder.parent} has no version {number}: it has {', '.join(map(str, sorted(versions)))}"
        model = folder if number is None else folder.parent
        near = get_close_matches(model.name, _entries(model.parent), n=_SHOWN)
    except (NotFound, PermissionDenied):
        return None
    meant = next((model.parent / name for name in near if _has_version(model.parent / name)), None)
    if meant is not None and number is not None:
        meant = list_versions(meant).get(number, meant)
    return None if meant is None else f"{folder} does not exist: did you mean {quote(str(meant))}?"


def _model_folder(folder: Path) -> Path:
    """Returns the model's own folder for that of a version, and any other folder as it is."""
    return folder.parent if version_number(folder.name) is not None and folder.parent.name else folder


def explain_version_folder(folder: Path) -> str | None:
    """Returns None if a version folder has a model, otherwise a line that says what it contains and what to do.

    It may name entries of the folder, so it is for the log and for users of this machine.
    """
    if has_model(folder):
        return None
    if os.path.isfile(folder):
        return f"{folder} is a file, not a version: a version is {_A_VERSION}"
    try:
        names = [name for name in _entries(folder) if not name.startswith(".")]
    except (NotFound, PermissionDenied) as error:
        return error.message
    return None if SESSION_BUNDLE_FILE in names else _explain_version_entries(folder, names)


def _explain_version_entries(folder: Path, names: Sequence[str]) -> str:
    place, model = quote(str(folder)), quote(str(folder.parent))
    if CLASSES_PICKLE in names and "model" in names:
        return (
            f"{folder} has the older layout, model/ and {CLASSES_PICKLE}, and no SavedModel: write the next version "
            f"with lightship export {place} {model}"
        )
    for name in names:
        path = quote(str(folder / name))
        if name.lower().endswith(KERAS_SUFFIXES):
            return (
                f"{folder} has a Keras file and no SavedModel: write the next version with lightship export {path} "
                f"{model}, and remove this one"
            )
        if name.lower().endswith(TFLITE_SUFFIX):
            return f"{folder} has a model for LiteRT under another name: mv {path} {quote(str(folder / TFLITE_FILE))}"
        if has_saved_model(folder / name):
            return f"{folder} has the SavedModel in a folder of its own: mv {path}/* {place}"
    found = f"contains {listed(names, _SHOWN)}, and no SavedModel" if names else "is empty"
    return (
        f"{folder} {found}: a version is {_A_VERSION}; copy it again, or write the next version with "
        f"lightship export MODEL {model}"
    )


def explain_folder_of_models(folder: Path, command: str = "") -> str | None:
    """Returns None unless the folder contains models and nothing that could be served itself.

    Otherwise returns a line that names them. `command` is what the caller writes before a model's folder.
    """
    try:
        names = [name for name in _entries(folder) if not name.startswith(".")]
    except (NotFound, PermissionDenied):
        return None
    if any(version_number(name) is not None for name in names):
        return None
    return _models_below(folder, names, "one or more of them", command)


def export_command(source: str | Path) -> str:
    """Returns the command that exports a trained model from a file into a folder of its name."""
    return (
        f"lightship export {quote(str(source))} {quote('models/' + Path(source).stem)} "
        "--classes CLASSES.txt --preprocess NAME"
    )


def _explain_file(file: Path) -> str:
    suffix = file.suffix.lower()
    if suffix in KERAS_SUFFIXES:
        return f"{file} is a Keras file, not a model's folder: export it first with {export_command(file)}"
    if suffix == TFLITE_SUFFIX:
        return (
            f"{file} is a model for LiteRT, not a model's folder: copy it into a version, such as models/dog/1/"
            f"{TFLITE_FILE}, and give models/dog"
        )
    if suffix in IMAGE_SUFFIXES:
        return f"{file} is a photo, not a model's folder: give the model's folder, such as models/dog"
    return f"{file} is a file, not a model's folder: give the model's folder, such as models/dog"


def model_files(folder: Path) -> list[Path]:
    """Returns the files of a SavedModel's graph and variables."""
    files = [folder / SAVED_MODEL_FILE, folder / SAVED_MODEL_TEXT, *folder.glob("variables/*")]
    return [file for file in files if file.exists()]


def model_bytes(folder: Path) -> int:
    """Returns the size of a SavedModel's graph and variables. Raises OSError if files are removed meanwhile."""
    return sum(file.stat().st_size for file in model_files(folder))


def _entries(folder: Path) -> list[str]:
    """Returns the names in a folder in lexical order. Raises the errors of `list_versions`."""
    return sorted(_names(folder))


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except NotADirectoryError as error:
        raise NotFound(f"{folder} is a file, not a model's folder: give a folder such as models/dog") from error
    except FileNotFoundError as error:
        raise NotFound(
            f"{folder} does not exist: give a model's folder such as models/dog, "
            f"or create it with lightship export MODEL {quote(str(_model_folder(folder)))}"
        ) from error
    except OSError as error:  # no permission, or too many open files, for example
        raise list_error(folder, error) from error


def _explain_entries(folder: Path, names: Sequence[str]) -> str | None:
    place = quote(str(folder))
    if SAVED_MODEL_FILE in names or SAVED_MODEL_TEXT in names:
        return _saved_model_directly(folder, names)
    if CLASSES_PICKLE in names and "model" in names:
        return (
            f"{folder} has the older layout, model/ and {CLASSES_PICKLE}, and no version: "
            f"create one with lightship export {place} {place}"
        )
    for name in names:
        path = quote(str(folder / name))
        if name.lower().endswith(KERAS_SUFFIXES):
            return f"{folder} has a Keras file and no version: create one with lightship export {path} {place}"
        if name.lower().endswith(TFLITE_SUFFIX):
            target = quote(str(folder / "1"))
            return f"{folder} has a model for LiteRT and no version: mkdir {target} && mv {path} {target}/{TFLITE_FILE}"
        if has_saved_model(folder / name):
            target = quote(str(folder / "1"))
            return f"{folder} has a SavedModel in a folder whose name is not a number: mv {path} {target}"
    return _models_below(folder, names, "one of them")


def _saved_model_directly(folder: Path, names: Sequence[str]) -> str:
    if version_number(folder.name) is not None:
        return f"{folder} is a version, not a model's folder: give its parent, {folder.parent}"
    parts = [quote(str(folder / name)) for name in names]
    target = quote(str(folder / "1"))
    return (
        f"{folder} contains a SavedModel directly: move it into a folder named after its version: "
        f"mkdir {target} && mv {' '.join(parts)} {target}"
    )


def _models_below(folder: Path, names: Sequence[str], how_many: str, command: str = "") -> str | None:
    models = [name for name in names if _has_version(folder / name)]
    if not models:
        return None
    return (
        f"{folder} is a folder of models, not a model's folder; it contains {listed(models, _SHOWN)}: "
        f"give {how_many}, such as {command}{quote(str(folder / models[0]))}"
    )


def _has_version(folder: Path) -> bool:
    try:
        return any(has_model(path) for path in list_versions(folder).values())
    except (NotFound, PermissionDenied):
        return False
