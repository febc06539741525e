"""Copies of a model whose weights are random, for the sanity check of arXiv 1810.03292.

The numbers of each variable are shuffled in a copy of the files, so this needs no TensorFlow. Shuffled, and not drawn
anew, they keep their size and sign: a negative variance, for example, would give NaN everywhere.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lightship.bundle.manifest import EXTRAS, Manifest, write_manifest
from lightship.engines import EngineOptions
from lightship.errors import NotFound
from lightship.local import load
from lightship.saved_model.shuffled_variables import has_variables, shuffle_variables

if TYPE_CHECKING:
    from lightship.cli.explained_model import LocalExplained


def why_not_randomized(folder: Path | None) -> str:
    """Returns why the weights of a model cannot be made random; an empty text if they can."""
    if folder is None:
        return "the weights of a model on a server cannot be changed: give the model's folder"
    return "" if has_variables(folder) else "the weights are constants of the graph, not variables"


def randomized_models(folder: Path, copies: int, seed: int) -> Iterator[LocalExplained]:
    """Yields copies of a version with other weights each, and removes each one afterwards.

    A copy is loaded without a golden check, which it could not pass, and compiled without the cache.
    """
    from lightship.cli.explained_model import LocalExplained

    for number in range(copies):
        with tempfile.TemporaryDirectory(prefix="lightship-check-") as scratch:
            path = Path(scratch) / folder.parent.name / folder.name
            shutil.copytree(folder, path)
            shuffle_variables(path, seed + number)
            _without_golden(path)
            options = EngineOptions(trust=True, cache_dir=Path(scratch) / "cache")
            with load(path, engine=options) as loaded:
                yield LocalExplained(loaded)


def _without_golden(path: Path) -> None:
    """Writes a manifest for the changed files, without a golden sample."""
    try:
        manifest = Manifest.read(path)
    except NotFound:
        return
    if manifest.golden is not None:
        (path / EXTRAS / manifest.golden).unlink()
    write_manifest(path, replace(manifest, golden=None))
