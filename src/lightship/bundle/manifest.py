"""The manifest of a bundle, `assets.extra/lightship.json`: what Lightship adds to the SavedModel, and file digests."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lightship.bundle.explain_spec import ExplainSpec
from lightship.bundle.golden import ATOL, RTOL
from lightship.bundle.int8 import Int8Spec
from lightship.errors import (
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    LightshipError,
    NotFound,
    ResourceExhausted,
)
from lightship.images.spec import ImageSpec
from lightship.saved_model.digests import Digests, FileDigest
from lightship.saved_model.version_files import read_file, walk

FORMAT = 1
MAX_BYTES = 64 << 20
EXTRAS = "assets.extra"
MANIFEST_FILE = f"{EXTRAS}/lightship.json"
LABELS_FILE = "labels.txt"
GOLDEN_FILE = "golden.npz"
WARM_UP_FILE = f"{EXTRAS}/tf_serving_warmup_requests"  # TensorFlow Serving's own warm-up records

_DIGEST = "digest"  # the field with the digest of all others
# The fields of a manifest without a digest.
_FIELDS = frozenset({"format", "created", "frameworks", "labels", "image", "image_signatures", "golden", "files"})
_REMEDY = "copy the complete version again, or export it again"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `lightship.json`."""

    # The time of the export, UTC in ISO 8601.
    created: str
    # The versions of the packages that made the bundle.
    frameworks: Mapping[str, str]
    # Every file of the version folder except the manifest, by its path with `/`.
    files: Mapping[str, FileDigest]
    # The name of the file of labels, in the folder of `lightship.json`.
    labels: str | None = None
    image: ImageSpec | None = None
    # The signatures that a server answers itself.
    image_signatures: tuple[str, ...] = ()
    # The name of the file of the golden sample, in the folder of `lightship.json`, and its tolerances.
    golden: str | None = None
    rtol: float = RTOL
    atol: float = ATOL
    # Why a version has no image spec: "intended" if its export said so, "missing" if the export warned; else empty.
    no_image: str = ""
    # Whether the first layers of a model without an image spec preprocess the pixels, as far as its export knew.
    own_preprocessing: bool = False
    # How the answers are explained; None if they cannot be.
    explain: ExplainSpec | None = None
    # How the model of int8 was made and checked; None if there is none.
    int8: Int8Spec | None = None
    format: int = field(default=FORMAT)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Reads the manifest of a version folder.

        Raises NotFound if the folder has no manifest, PermissionDenied if this user may not read it, DataLoss if it is
        broken, and FailedPrecondition if its format is newer than this Lightship.
        """
        path = folder / MANIFEST_FILE
        try:
            fields = json.loads(read_file(path, MAX_BYTES))
        except NotFound as error:
            if path.is_symlink() or path.parent.is_symlink():
                raise DataLoss(
                    f"{path} is behind a link that leads nowhere: copy the complete version again"
                ) from error
            raise NotFound(f"{folder} has no {MANIFEST_FILE}: the version was not exported by Lightship") from error
        except (InvalidArgument, ResourceExhausted) as error:
            raise DataLoss(f"{error.message}; export the model again") from error
        except ValueError as error:
            raise DataLoss(f"{path} is not valid JSON: {error}; export the model again") from error
        try:
            return cls.from_json(fields)
        except FailedPrecondition as error:
            raise FailedPrecondition(f"{path}: {error.message}") from error
        except DataLoss as error:
            raise DataLoss(f"{path} {error.message}; {_REMEDY}") from error
        except (LightshipError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataLoss(f"{path} is not a manifest of format {FORMAT}: {error}; export the model again") from error

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Manifest:
        """Returns the manifest that `to_json` wrote. Ignores unknown fields, which a newer Lightship may have written.

        Raises DataLoss if the fields do not have the digest that was written with them.
        """
        version = fields["format"]
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"the format is {version!r}, not a whole number")
        if version > FORMAT:
            raise FailedPrecondition(
                f"the bundle has format {version}, but this version of Lightship reads formats up to {FORMAT}: "
                "upgrade Lightship with pip install --upgrade lightship"
            )
        _check_digest(fields)
        golden = fields.get("golden")
        return cls(
            created=str(fields["created"]),
            frameworks=dict(fields["frameworks"]),
            files={_inside(name): FileDigest(int(one["size"]), one["sha256"]) for name, one in fields["files"].items()},
            labels=_file_name(fields.get("labels")),
            image=ImageSpec.from_json(fields["image"]) if fields.get("image") else None,
            image_signatures=tuple(fields.get("image_signatures", ())),
            golden=_file_name(golden["file"]) if golden else None,
            rtol=float(golden["rtol"]) if golden else RTOL,
            atol=float(golden["atol"]) if golden else ATOL,
            no_image=str(fields.get("no_image") or ""),
            own_preprocessing=fields.get("own_preprocessing") is True,
            explain=ExplainSpec.from_json(fields["explain"]) if fields.get("explain") else None,
            int8=Int8Spec.from_json(fields["int8"]) if fields.get("int8") else None,
            format=version,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the fields of `lightship.json`, with a digest of all others."""
        golden = {"file": self.golden, "rtol": self.rtol, "atol": self.atol} if self.golden else None
        fields: dict[str, Any] = {
            "format": self.format,
            "created": self.created,
            "frameworks": dict(self.frameworks),
            "labels": self.labels,
            "image": self.image.to_json() if self.image else None,
            "image_signatures": list(self.image_signatures),
            "golden": golden,
            "files": {name: {"size": one.size, "sha256": one.sha256} for name, one in self.files.items()},
        }
        if self.no_image:
            fields["no_image"] = self.no_image
        if self.own_preprocessing:
            fields["own_preprocessing"] = True
        if self.explain is not None:
            fields["explain"] = self.explain.to_json()
        if self.int8 is not None:
            fields["int8"] = self.int8.to_json()
        return sealed(fields)

    def covers(self, name: str) -> bool:
        """Returns whether the digest of this file, by its path with `/`, is in the manifest."""
        return name in self.files

    def verify(self, folder: Path, digests: Digests | None = None) -> None:
        """Compares every file with its size, then with its digest. Raises DataLoss for the first that differs.

        digests: of the files in the folder, to share with others that need them.
        """
        for name, wanted in self.files.items():
            try:
                size = os.stat(folder / name).st_size
            except OSError as error:
                raise DataLoss(f"{folder / name} is missing: {_REMEDY}") from error
            if size != wanted.size:
                raise DataLoss(
                    f"{folder / name} has {size} bytes, the manifest says {wanted.size}: it was truncated or changed "
                    f"after export; {_REMEDY}"
                )
        for name, wanted in self.files.items():
            self._verify_digest(name, wanted, digests or Digests(folder))

    def _verify_digest(self, name: str, wanted: FileDigest, digests: Digests) -> None:
        path = digests.folder / name
        try:
            got = digests.of(name)
        except (NotFound, InvalidArgument, OSError) as error:
            raise DataLoss(f"{path} cannot be read: {error}; {_REMEDY}") from error
        if got != wanted:
            raise DataLoss(
                f"{path} was changed after export: its sha256 is {got.sha256[:12]}..., the manifest says "
                f"{wanted.sha256[:12]}...; {_REMEDY}"
            )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes `lightship.json`, with the size and digest of every other file in the version folder."""
    names = sorted(entry.name for entry in walk(folder) if entry.is_file)
    files = {name: Digests(folder).of(name) for name in names if name != MANIFEST_FILE}
    text = json.dumps(replace(manifest, files=files).to_json(), indent=2, ensure_ascii=False)
    (folder / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")


def renew_digests(folder: Path, files: Mapping[str, FileDigest], *, without: Collection[str] = ()) -> None:
    """Adds files of a version folder to its manifest, with their digests, and leaves others out. Writes it atomically.

    Fields of the manifest that this Lightship does not know stay. Raises the errors of `Manifest.read`, and OSError.
    """
    Manifest.read(folder)
    path = folder / MANIFEST_FILE
    fields = json.loads(read_file(path, MAX_BYTES))
    kept = {name: one for name, one in fields["files"].items() if name not in without}
    added = {name: {"size": one.size, "sha256": one.sha256} for name, one in files.items()}
    text = json.dumps(
        sealed({**fields, "files": dict(sorted({**kept, **added}.items()))}), indent=2, ensure_ascii=False
    )
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".lightship-", delete=False
    ) as file:
        try:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, stat.S_IMODE(os.stat(path).st_mode))
            file.close()
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


def sealed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a manifest with a digest of all of them, in the place of an earlier one."""
    others = {name: value for name, value in fields.items() if name != _DIGEST}
    return {**others, _DIGEST: _digest_of(others)}


def _check_digest(fields: Mapping[str, Any]) -> None:
    """Raises DataLoss if the fields were changed. An older manifest has no digest, and only fields that are known."""
    if _DIGEST in fields:
        if fields != sealed(fields):
            raise DataLoss("was changed after export: its fields do not have the digest that was written with them")
    elif unknown := sorted(fields.keys() - _FIELDS):
        raise DataLoss(f"was changed after export: it has no digest, and the unknown fields {', '.join(unknown)}")


def _digest_of(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _file_name(name: str | None) -> str | None:
    if name is not None and PurePosixPath(name).name != name:
        raise ValueError(f"the manifest names {name!r}: it must be a file name without a folder")
    return name


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} is not a file of the version folder")
    return name
