"""A version folder, opened: the signatures, and what Lightship adds to them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from lightship.bundle.golden import Golden
from lightship.bundle.labels import read_classes
from lightship.bundle.manifest import EXTRAS, MANIFEST_FILE, Manifest
from lightship.errors import DataLoss, InvalidArgument, NotFound
from lightship.images.spec import ImageSpec
from lightship.saved_model.reader import SavedModel, read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, SERVE
from lightship.saved_model.versions import has_saved_model


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of one model. manifest is None for a plain SavedModel, and with it all that follows.

    image: with height and width. golden: its inputs have the dtypes of `serving_default`.
    """

    path: Path
    name: str
    version: int
    saved_model: SavedModel
    manifest: Manifest | None = None
    labels: tuple[str, ...] | None = None
    image: ImageSpec | None = None
    golden: Golden | None = None

    @property
    def image_signatures(self) -> frozenset[str]:
        """The signatures that a server answers from the manifest, without running their graphs."""
        return frozenset(self.manifest.image_signatures if self.manifest else ())


def open_bundle(path: Path, name: str, version: int, *, verify: bool = True, tags: Collection[str] = SERVE) -> Bundle:
    """Reads a version folder; weights are not loaded. verify: hold every file against its size and sha256. tags: of the
    graph, exactly these.

    Raises NotFound where there is no SavedModel, DataLoss naming the file where one is broken or was changed after
    export, FailedPrecondition where a newer Lightship made it, PermissionDenied where it cannot be read.
    """
    try:
        manifest = Manifest.read(path)
    except NotFound:
        return Bundle(path, name, version, read_saved_model(path, tags))
    if verify and has_saved_model(path):
        manifest.verify(path)
    saved_model = read_saved_model(path, tags)
    bundle = Bundle(
        path,
        name,
        version,
        saved_model,
        manifest,
        labels=_labels(path, manifest),
        image=manifest.image,
        golden=_golden(path, manifest, saved_model),
    )
    _check_image_signatures(bundle)
    return bundle


def _labels(path: Path, manifest: Manifest) -> tuple[str, ...] | None:
    if manifest.labels is None:
        return None
    try:
        return read_classes(path / EXTRAS / manifest.labels)
    except (InvalidArgument, NotFound) as error:
        raise DataLoss(f"the labels of {path} are broken: {error.message}") from error


def _golden(path: Path, manifest: Manifest, saved_model: SavedModel) -> Golden | None:
    """With inputs of the signature's own types: numpy's files have none for bfloat16 and the like."""
    if manifest.golden is None:
        return None
    file = path / EXTRAS / manifest.golden
    golden = Golden.load(file, manifest.rtol, manifest.atol)
    signature = saved_model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or golden.inputs.keys() != signature.inputs.keys():
        raise DataLoss(f"{file} is of another model: its inputs are not those of {DEFAULT_SIGNATURE}; export again")
    typed = {key: array.astype(signature.inputs[key].dtype.numpy) for key, array in golden.inputs.items()}
    return replace(golden, inputs=typed)


def _check_image_signatures(bundle: Bundle) -> None:
    if bundle.image_signatures and (
        bundle.labels is None or bundle.image is None or DEFAULT_SIGNATURE in bundle.image_signatures
    ):
        raise DataLoss(f"{bundle.path / MANIFEST_FILE} names image signatures without labels or image: export again")
