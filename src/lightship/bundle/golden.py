"""The golden sample: inputs, and the outputs that the trained model gave for them before any conversion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from lightship.bundle.explain_spec import CLASS_INDEX
from lightship.errors import DataLoss
from lightship.saved_model.version_files import open_file

Arrays = Mapping[str, NDArray[Any]]

# Measured: OpenVINO in float32 differs by less than 8e-6 of an output's largest number (MobileNetV2, ResNet50V2). A
# wrong conversion differs by far more than these tolerances.
RTOL = 1e-3
ATOL = 1e-4

# The most bytes that the arrays of a golden sample may have together.
MAX_BYTES = 1 << 30

# The beginning of the names of the arrays that explain, before the signature.
_EXPLAINED = "explained/"

# `atol` is relative to the largest number of an output, but at least to this number.
_SMALLEST_SCALE = 1e-3


@dataclass(frozen=True, slots=True)
class Golden:
    """Inputs and outputs of `serving_default`, by their names in the signature.

    A number may differ by `rtol` times itself plus `atol` times the largest number of its output, so that the
    probabilities of a thousand classes are checked as strictly as logits. Strings must be equal.
    """

    inputs: Arrays
    outputs: Arrays
    rtol: float = RTOL
    atol: float = ATOL
    # The outputs of the signatures that explain these inputs, by the signatures' names. Older exports have none.
    explained: Mapping[str, Arrays] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, rtol: float = RTOL, atol: float = ATOL) -> Golden:
        """Reads a file that `save` wrote, without running code from it. Raises DataLoss if it is broken or missing."""
        try:
            with open_file(path) as file, ZipFile(file) as archive:
                arrays = _read_arrays(archive)
            explained = _explained(arrays)
        except Exception as error:  # numpy and zipfile raise many kinds of errors for broken files
            raise DataLoss(f"the golden sample {path} cannot be read: {error}; export the model again") from error
        return cls(_of_kind(arrays, "inputs/"), _of_kind(arrays, "outputs/"), rtol, atol, explained)

    def save(self, path: Path) -> None:
        """Writes an `.npz` file. Strings become fixed-width bytes; bfloat16 and float8 become float32."""
        explained = {f"{_EXPLAINED}{name}/": outputs for name, outputs in self.explained.items()}
        kinds = {"inputs/": self.inputs, "outputs/": self.outputs, **explained}
        arrays = {kind + name: _storable(array) for kind, named in kinds.items() for name, array in named.items()}
        np.savez_compressed(path, allow_pickle=False, **arrays)

    def explanation(self, signature: str) -> Golden | None:
        """Returns the inputs and outputs of a signature that explains; None if the sample has none of it.

        The classes are given, because nearly equal scores may be in another order elsewhere.
        """
        outputs = self.explained.get(signature)
        if outputs is None:
            return None
        return Golden({**self.inputs, CLASS_INDEX: outputs[CLASS_INDEX]}, outputs, self.rtol, self.atol)

    def compare(self, outputs: Arrays) -> str | None:
        """Returns None if the outputs are within tolerance, else which output differs, where and by how much."""
        for name, wanted in self.outputs.items():
            if name not in outputs:
                return f"output {name!r} is missing; the outputs are {', '.join(sorted(outputs)) or 'none'}"
            difference = self._difference(np.asarray(outputs[name]), wanted)
            if difference:
                return f"output {name!r} {difference}"
        return None

    def _difference(self, got: NDArray[Any], wanted: NDArray[Any]) -> str | None:
        if got.shape != wanted.shape:
            return f"has shape {list(got.shape)}, not the trained model's {list(wanted.shape)}"
        if wanted.dtype.kind in "SUO":
            return None if np.array_equal(_as_bytes(got), _as_bytes(wanted)) else "has another text"
        if not wanted.size:
            return None
        got, wanted = _wide(got), _wide(wanted)
        scale = max(float(np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0.0)), _SMALLEST_SCALE)
        equal = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
        with np.errstate(invalid="ignore"):
            excess = np.where(equal, 0.0, np.abs(got - wanted) - self.rtol * np.abs(wanted) - self.atol * scale)
        worst = np.unravel_index(int(np.argmax(np.nan_to_num(excess, nan=np.inf))), excess.shape)
        if equal[worst] or excess[worst] <= 0:
            return None
        return (
            f"differs at {[int(index) for index in worst]}: {got[worst]:.6g}, where the trained model gave "
            f"{wanted[worst]:.6g} (allowed are rtol {self.rtol:g} and atol {self.atol:g} of {scale:.3g})"
        )


def _read_arrays(archive: ZipFile) -> dict[str, NDArray[Any]]:
    """Reads an `.npz` archive. Raises ValueError before it allocates what the archive only claims to hold."""
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES:
        raise ValueError(f"it has {total:,} bytes of arrays, and at most {MAX_BYTES:,} are read")
    return {member.filename.removesuffix(".npy"): _read_array(archive, member) for member in members}


def _read_array(archive: ZipFile, member: ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has the unknown format {version}")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"{member.filename} is too short for its shape {list(shape)}")
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
        return array


def _of_kind(arrays: Arrays, kind: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(kind): _as_bytes(array) if array.dtype.kind == "S" else array
        for name, array in arrays.items()
        if name.startswith(kind)
    }


def _explained(arrays: Arrays) -> dict[str, Arrays]:
    """Returns the outputs of each signature that explains. Raises ValueError if a signature has no classes."""
    signatures = {name.split("/")[1] for name in arrays if name.startswith(_EXPLAINED)}
    explained: dict[str, Arrays] = {name: _of_kind(arrays, f"{_EXPLAINED}{name}/") for name in sorted(signatures)}
    for name, outputs in explained.items():
        if CLASS_INDEX not in outputs:
            raise ValueError(f"{_EXPLAINED}{name}/{CLASS_INDEX} is missing")
    return explained


def _storable(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind == "O":
        return array.astype(np.bytes_)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _as_bytes(array: NDArray[Any]) -> NDArray[Any]:
    """Returns an object array of bytes, the form in which engines take and return strings."""
    return array.astype(np.bytes_).astype(object)


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
