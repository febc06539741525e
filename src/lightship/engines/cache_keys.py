"""The keys of entries in the cache of compiled models: what an entry depends on."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightship import __version__
from lightship.engines.cache import FORMAT
from lightship.saved_model.digests import Digests
from lightship.saved_model.version_files import walk


def cache_key(parts: Mapping[str, Any]) -> str:
    """Returns a key that depends on these parts, on the versions of Lightship and OpenVINO, and on the processor."""
    whole = {
        **parts,
        "format": FORMAT,
        "lightship": __version__,
        "openvino": openvino_version(),
        "processor": _processor(),
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def digest_of_folder(folder: Path, patterns: Sequence[str] = ("*",), digests: Digests | None = None) -> str:
    """Returns a digest of the names and contents of all files of a folder, such as a version folder.

    Files behind links count too, because a model is made of them as well. Raises the errors of `open_file`. `digests`
    are those of the files in this folder, if some are known.
    """
    digests = digests or Digests(folder)
    names = [entry.name for entry in walk(folder) if entry.is_file and _matches(entry.name, patterns)]
    lines = [f"{name} {digests.of(name).sha256}" for name in sorted(names)]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name.rpartition("/")[2], pattern) for pattern in patterns)


@cache
def openvino_version() -> str:
    """Returns the version of OpenVINO, by the name of the folder with its metadata.

    `importlib.metadata` is only imported where that name does not say it, because that takes as long as a whole key.
    """
    spec = find_spec("openvino")
    places = [Path(place).parent for place in (spec.submodule_search_locations or ())] if spec else []
    found = [folder.name for place in places for folder in place.glob("openvino-*.dist-info")]
    if len(found) == 1:
        return found[0].removeprefix("openvino-").removesuffix(".dist-info")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("openvino")
    except PackageNotFoundError:
        return "none"


@cache
def _code() -> str:
    """A digest of the source files of what is cached: a developer changes them without changing the version."""
    engines = Path(__file__).parent
    return " ".join(
        digest_of_folder(folder, ("*.py", "*.json")) for folder in (engines, engines.parent / "saved_model")
    )


@cache
def _processor() -> str:
    """A digest of the processor's name and features, because compiled models contain machine instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    described = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return hashlib.sha256("\n".join(described).encode()).hexdigest()
