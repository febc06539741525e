"""A bundle: one version folder, with what Lightship knows of it beyond the SavedModel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lightship.bundle.golden import Golden
from lightship.bundle.image_spec import ImageSpec
from lightship.bundle.labels import read_classes
from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest, check_files
from lightship.bundle.saved_model import SavedModel, read_saved_model


@dataclass(frozen=True, slots=True)
class Bundle:
    """manifest, labels, image, golden: None in a plain SavedModel, or where the export was not given them."""

    path: Path
    name: str
    version: int
    saved_model: SavedModel
    manifest: Manifest | None
    labels: tuple[str, ...] | None
    image: ImageSpec | None
    golden: Golden | None

    @property
    def native(self) -> frozenset[str]:
        """The signatures that are answered from the manifest, without running their part of the graph."""
        return frozenset(self.manifest.image_signatures if self.manifest else ())


def open_bundle(path: Path, name: str, version: int, *, verify: bool = True) -> Bundle:
    """Reads a version folder. `verify` compares every file with the digest in the manifest, if there is one.

    Raises DataLoss naming the file that is not what was exported, NotFound where there is no SavedModel.
    """
    manifest = Manifest.read(path) if (path / MANIFEST_FILE).exists() else None
    if manifest is not None and verify:
        check_files(path, manifest)
    saved_model = read_saved_model(path)
    if manifest is None:
        return Bundle(path, name, version, saved_model, None, None, None, None)
    extras = path / EXTRAS
    labels = read_classes(extras / manifest.labels) if manifest.labels else None
    record = manifest.golden
    golden = Golden.load(extras / record.file, record.rtol, record.atol) if record else None
    return Bundle(path, name, version, saved_model, manifest, labels, manifest.image, golden)
