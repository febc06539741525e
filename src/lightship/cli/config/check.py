"""`lightship config check`: finds everything that is wrong in a configuration file, without a server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lightship.cli.options import Argument, Option

if TYPE_CHECKING:
    from lightship.cli.config.faults import Fault
    from lightship.lifecycle.model_config import ModelConfig


def check(
    file: Annotated[
        Path,
        Argument(
            metavar="FILE", help="A TOML file for lightship serve --config, or TensorFlow Serving's models.config."
        ),
    ],
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a configuration file, and print the place and the reason of each fault.

    The folders of the models, and the other files that it names, must exist on this machine. The exit code is 1 if
    there is a fault. A version that is not in its folder, and a label of a version that is not served, are warnings.
    """
    from lightship.cli.config.faults import WrongConfig

    try:
        told = _checked(file)
    except WrongConfig as wrong:
        _print_faults(wrong, as_json=json)
        sys.exit(1)
    _print_content(file, told, as_json=json)


def _checked(file: Path) -> dict[str, Any]:
    """Returns what a file without faults says, for people and as JSON."""
    if _is_toml(file):
        from lightship.cli.config.absent_versions import absent_versions
        from lightship.cli.config.combining import check_options
        from lightship.cli.config.reading import read_serve_config

        config = read_serve_config(file)
        check_options(config)
        told = {"format": "toml", "models": _models(config.models), "options": _plain(config.options)}
        return {**told, "warnings": absent_versions(config.models, config.places)}
    from lightship.cli.config.model_files import check_model_file

    return {"format": "ModelServerConfig", "models": _models(check_model_file(file))}


def _is_toml(file: Path) -> bool:
    """Returns whether a file is TOML: by its name, or by its first line with content."""
    from lightship.cli.config.reading import MAX_BYTES, looks_like_toml
    from lightship.files import read_regular

    return file.suffix.lower() == ".toml" or looks_like_toml(read_regular(file, MAX_BYTES))


def _models(models: Any) -> list[dict[str, Any]]:
    return [{"name": one.name, "path": _place(one), "versions": _policy(one), **_labels(one)} for one in models]


def _place(model: ModelConfig) -> str:
    """Returns the folder of a model, or its URL in an object store."""
    return str(model.store or model.path)


def _policy(model: ModelConfig) -> Any:
    from lightship.lifecycle.model_config import All, Specific

    if isinstance(model.policy, Specific):
        return list(model.policy.versions)
    return "all" if isinstance(model.policy, All) else f"latest {model.policy.count}"


def _labels(model: ModelConfig) -> dict[str, Any]:
    return {"labels": dict(model.labels)} if model.labels else {}


def _plain(options: Any) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}


def _print_faults(wrong: Any, *, as_json: bool) -> None:
    from lightship.cli.failures import print_error
    from lightship.cli.output import print_json

    if as_json:
        print_json({"file": str(wrong.path), "ok": False, "faults": _as_fields(wrong.faults)})
        return
    for line in wrong.lines:
        print_error(line)


def _as_fields(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{**fault.place._asdict(), "message": fault.message, "meant": fault.meant} for fault in faults]


def _print_content(file: Path, told: dict[str, Any], *, as_json: bool) -> None:
    from lightship.cli.failures import print_warning
    from lightship.cli.output import print_json, print_text

    warnings = told.get("warnings", [])
    if as_json:
        print_json({"file": str(file), "ok": True, "faults": [], **told, "warnings": _as_fields(warnings)})
        return
    for warning in warnings:
        print_warning(warning.text(file))
    print_text(f"{file}: no fault")
    for model in told["models"]:
        labels = "".join(f", {label} = {version}" for label, version in model.get("labels", {}).items())
        print_text(f"  {model['name']}  {model['path']}  versions {_shown(model['versions'])}{labels}")
    for key, value in told.get("options", {}).items():
        print_text(f"  {key} = {_shown(value)}")
    if not told["models"]:
        print_text("  no model: name models on the command line of lightship serve, or in the file")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
