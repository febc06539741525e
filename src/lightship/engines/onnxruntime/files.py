"""The ONNX files of a version: their names, and what `lightship convert` notes in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lightship.bundle.manifest import EXTRAS
from lightship.engines.base import CannotRun
from lightship.saved_model.digests import Digests
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.saved_model.version_files import walk

# The keys of the metadata in a file.
_FORMAT, _SIGNATURE, _SAVED_MODEL, _OUTPUTS, _GUARDS = (
    f"lightship.{name}" for name in ("format", "signature", "saved_model", "outputs", "guards")
)
_CURRENT = "1"
# A longer file name is too long for some file systems.
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class IndexGuard:
    """An output of the graph that holds indices, which come from a client's values."""

    output: str
    # The indices must be from 0 to below this number.
    size: int


@dataclass(frozen=True, slots=True)
class Notes:
    """What is noted in an ONNX file."""

    signature: str
    # The digest of the SavedModel that the file was made from.
    saved_model: str
    # The outputs of the signature, and their names in the graph. Inputs have the same names.
    outputs: Mapping[str, str]
    # The checks of indices, whose outputs are not outputs of the signature.
    guards: tuple[IndexGuard, ...] = ()

    def to_metadata(self) -> dict[str, str]:
        guards = json.dumps([asdict(guard) for guard in self.guards])
        return {
            _FORMAT: _CURRENT,
            _SIGNATURE: self.signature,
            _SAVED_MODEL: self.saved_model,
            _OUTPUTS: json.dumps(dict(self.outputs)),
            _GUARDS: guards,
        }

    @classmethod
    def of_metadata(cls, found: Mapping[str, Any]) -> Notes:
        """Raises CannotRun if this Lightship did not write the metadata."""
        if found.get(_FORMAT) != _CURRENT:
            raise CannotRun("it was not made by this Lightship, so its operations were not checked")
        try:
            guards = tuple(IndexGuard(str(one["output"]), int(one["size"])) for one in json.loads(found[_GUARDS]))
            outputs = {str(name): str(tensor) for name, tensor in json.loads(found[_OUTPUTS]).items()}
            return cls(str(found[_SIGNATURE]), str(found[_SAVED_MODEL]), outputs, guards)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CannotRun(f"its metadata cannot be read ({error!r})") from error


def file_name(signature: str, precision: str = "f32") -> str:
    """Returns the name of a signature's file in `assets.extra`: model.onnx for `serving_default`.

    Returns "" for a signature whose name is too long for a file.
    """
    stem = "model" if precision == "f32" else f"model-{precision}"
    if signature == DEFAULT_SIGNATURE:
        return f"{stem}.onnx"
    name = f"{stem}.{quote(signature, safe='')}.onnx"
    return name if len(name) <= _MAX_NAME else ""


def is_onnx_file(name: str) -> bool:
    """Returns whether a file of a version, by its path with `/`, has a name of `file_name`."""
    folder, _, file = name.rpartition("/")
    return folder == EXTRAS and file.startswith(("model.", "model-")) and file.endswith(".onnx")


def saved_model_digest(folder: Path, digests: Digests | None = None) -> str:
    """Returns a digest of the SavedModel in a version folder, without what Lightship and its users add to it.

    Raises the errors of `open_file`, and OSError.
    """
    digests = digests or Digests(folder)
    names = sorted(entry.name for entry in walk(folder) if entry.is_file and _is_of_saved_model(entry.name))
    return _digest([f"{name} {digests.of(name).sha256}" for name in names])


def _is_of_saved_model(name: str) -> bool:
    return name in ("saved_model.pb", "saved_model.pbtxt") or name.startswith(("variables/", "assets/"))


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()
