"""Compiles signatures without checking the table of proven operations. The code that makes the table uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from lightship.engines.base import EngineOptions
from lightship.engines.cache_keys import digest_of_folder
from lightship.engines.openvino.building import build_models, build_signature, build_variant, try_joining
from lightship.engines.openvino.compiled import Compiled
from lightship.engines.openvino.description import DECLARED, Description
from lightship.engines.openvino.shapes import Shapes
from lightship.saved_model.signatures import Signature


class Unchecked:
    """Compiles in this process, whether or not the operations are proven. The model is still analysed and guarded."""

    # Whether to find out if rows are independent.
    tries_rows = False

    def __init__(self, folder: Path, signature: Signature, options: EngineOptions) -> None:
        self._folder, self._signature, self._options = folder, signature, options

    def signature(self) -> tuple[Description, Mapping[str, Compiled]]:
        built = build_signature(self._folder, self._signature, self._options)
        if self.tries_rows:
            try_joining(built, self._signature, self._options)
        return built.description, built.models

    def copies(self, names: Iterable[str], *, streams: int = 1, threads: int = 0) -> Mapping[str, Compiled]:
        options = replace(self._options, threads=threads or self._options.threads)
        return build_models(self._folder, self._signature, options, names, streams).models

    def digest(self) -> str:
        return digest_of_folder(self._folder)

    def variant(self, shapes: Shapes, sample: Shapes) -> Compiled:
        return self.built_variant(shapes, sample)[1][DECLARED]

    def built_variant(self, shapes: Shapes, sample: Shapes) -> tuple[Description, Mapping[str, Compiled]]:
        built = build_variant(self._folder, self._signature, self._options, shapes, sample)
        return built.description, built.models
