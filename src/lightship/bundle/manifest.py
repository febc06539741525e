"""`lightship.json`: what Lightship adds to a SavedModel, and the digest of every file of the version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightship.bundle.image_spec import ImageSpec
from lightship.errors import DataLoss, FailedPrecondition, NotFound

FORMAT = 1
EXTRAS = "assets.extra"
MANIFEST_FILE = f"{EXTRAS}/lightship.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    size: int  # bytes
    digest: str  # "sha256:..."


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    file: str  # in assets.extra
    rtol: float
    atol: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """labels: the file of labels in assets.extra. image_signatures: what is answered from here, without the graph.

    files: every file of the version but this one, by its path in the version folder.
    """

    image: ImageSpec | None = None
    labels: str | None = None
    image_signatures: tuple[str, ...] = ()
    golden: GoldenRecord | None = None
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        golden = self.golden
        return {
            "format": self.format,
            "created": self.created,
            "image": self.image and self.image.to_json(),
            "labels": self.labels,
            "image_signatures": list(self.image_signatures),
            "golden": golden and {"file": golden.file, "rtol": golden.rtol, "atol": golden.atol},
            "versions": dict(self.versions),
            "files": {name: {"size": file.size, "digest": file.digest} for name, file in self.files.items()},
        }

    def write(self, version: Path) -> None:
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        (version / MANIFEST_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, version: Path) -> Manifest:
        """The manifest of a version folder.

        Raises NotFound where there is none, DataLoss where it is broken, FailedPrecondition where it is of a newer
        format than this release knows.
        """
        file = version / MANIFEST_FILE
        try:
            document = json.loads(file.read_bytes())
        except FileNotFoundError as error:
            raise NotFound(f"there is no {MANIFEST_FILE} in {version}: export the model with Lightship") from error
        except ValueError as error:
            raise DataLoss(f"{file} is not JSON: {error}; export the model again") from error
        return cls._from_json(document, file)

    @classmethod
    def _from_json(cls, document: Any, file: Path) -> Manifest:
        if not isinstance(document, dict) or not isinstance(document.get("format"), int):
            raise DataLoss(f"{file} is not a Lightship manifest: it has no format; export the model again")
        if document["format"] > FORMAT:
            raise FailedPrecondition(
                f"{file} has format {document['format']}, newer than {FORMAT}, which this release reads: update lightship"
            )
        try:
            return cls(
                image=document["image"] and ImageSpec.from_json(document["image"]),
                labels=document["labels"] and _plain_name(document["labels"]),
                image_signatures=tuple(document["image_signatures"]),
                golden=document["golden"] and _golden_record(document["golden"]),
                created=document["created"],
                versions=dict(document["versions"]),
                files={name: FileRecord(int(f["size"]), str(f["digest"])) for name, f in document["files"].items()},
                format=document["format"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataLoss(f"{file} is incomplete ({error!r}): export the model again") from error


def _golden_record(record: Mapping[str, Any]) -> GoldenRecord:
    return GoldenRecord(_plain_name(record["file"]), float(record["rtol"]), float(record["atol"]))


def _plain_name(name: str) -> str:
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not the name of a file in {EXTRAS}")
    return name


def record_files(version: Path) -> dict[str, FileRecord]:
    """Size and digest of every file of a version but the manifest."""
    return {name: FileRecord((version / name).stat().st_size, digest_of(version / name)) for name in _files(version)}


def check_files(version: Path, manifest: Manifest) -> None:
    """Raises DataLoss naming the first file that is missing or is not what was exported."""
    for name, record in manifest.files.items():
        file = version / name
        if not file.is_file():
            raise DataLoss(f"{name} is missing in {version}: copy the version again, or export it again")
        if (size := file.stat().st_size) != record.size:
            raise DataLoss(f"{name} has {size} bytes, {record.size} were exported: copy the version again")
        if digest_of(file) != record.digest:
            raise DataLoss(f"{name} is not what was exported, its digest differs: copy the version again")


def digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _files(version: Path) -> Iterator[str]:
    for file in sorted(version.rglob("*")):
        name = file.relative_to(version).as_posix()
        if file.is_file() and name != MANIFEST_FILE:
            yield name
