"""Opens a version folder: the signatures of its SavedModel, and what Lightship adds to them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from lightship.bundle.explain_spec import CLASS_INDEX, PUBLIC_SIGNATURES, ExplainSpec
from lightship.bundle.golden import Golden
from lightship.bundle.labels import read_labels
from lightship.bundle.manifest import EXTRAS, GOLDEN_FILE, MANIFEST_FILE, Manifest
from lightship.errors import DataLoss, InvalidArgument, NotFound, ResourceExhausted
from lightship.images.spec import ImageSpec
from lightship.saved_model.digests import Digests
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, SERVE
from lightship.saved_model.tensor_bundle import check_variables
from lightship.saved_model.version_files import check_version_files, walk
from lightship.saved_model.version_model import read_model
from lightship.saved_model.versions import SAVED_MODEL_FILE, has_model


@dataclass(frozen=True, slots=True)
class Bundle:
    """One version of one model. A plain SavedModel has no manifest, and so no labels, image spec or golden sample."""

    path: Path
    name: str
    version: int
    saved_model: SavedModel
    manifest: Manifest | None = None
    labels: tuple[str, ...] | None = None
    # With a height and a width.
    image: ImageSpec | None = None
    # Its inputs have the dtypes of `serving_default`.
    golden: Golden | None = None

    @property
    def image_signatures(self) -> frozenset[str]:
        """The signatures that take encoded images. A server answers them itself instead of running their graphs."""
        return frozenset(self.manifest.image_signatures if self.manifest else ())

    @property
    def explain(self) -> ExplainSpec | None:
        """How the answers are explained; None if they cannot be."""
        return self.manifest.explain if self.manifest else None

    @property
    def explain_signatures(self) -> frozenset[str]:
        """The signatures that take encoded images and return explanations. A server answers them itself, too."""
        if self.explain is None or self.image is None or self.labels is None:
            return frozenset()
        return frozenset(PUBLIC_SIGNATURES) & self.saved_model.signatures.keys()

    @property
    def internal_signatures(self) -> frozenset[str]:
        """The signatures of the methods of explanation, which a server runs to answer others."""
        return frozenset(self.explain.methods.values() if self.explain else ())

    def sample_of(self, signature: str) -> Golden | None:
        """Returns the inputs and outputs that the golden sample has of this signature; None if it has none."""
        if self.golden is None or signature == DEFAULT_SIGNATURE:
            return self.golden
        return self.golden.explanation(signature)


def open_bundle(
    path: Path,
    name: str,
    version: int,
    *,
    verify: bool = True,
    tags: Collection[str] = SERVE,
    digests: Digests | None = None,
    read: Callable[[Path, Collection[str]], SavedModel] = read_model,
) -> Bundle:
    """Reads a version folder, without loading the weights.

    verify: compare every file with the size and sha256 in the manifest, and the weights that are not in a manifest
        with the checksums that TensorFlow wrote.
    tags: the tags of the graph to read; the graph must have exactly these.
    digests: of the files in this folder, to share with others that need them.
    read: returns the model of a version folder, with these tags.

    Raises NotFound if there is no SavedModel, DataLoss if a file is broken or was changed after export, or if a golden
    sample shows that the manifest is missing, FailedPrecondition if a newer Lightship wrote the bundle or if it holds a
    FIFO, and PermissionDenied if a file may not be read.
    """
    check_version_files(path)
    try:
        manifest = Manifest.read(path)
    except NotFound:
        manifest = None
        _check_plain(path)
    if verify and has_model(path):
        _verify(path, manifest, digests)
    if manifest is None:
        return Bundle(path, name, version, read(path, tags))
    saved_model = read(path, tags)
    if saved_model.file != SAVED_MODEL_FILE:
        manifest = _of_signatures(manifest, saved_model)
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
    _check_explain(bundle)
    return bundle


def _of_signatures(manifest: Manifest, model: SavedModel) -> Manifest:
    """Returns the manifest of an export without the signatures that the `model.tflite` beside it does not have."""
    there = model.signatures.keys()
    explained = manifest.explain is not None and set(manifest.explain.methods.values()) <= there
    return replace(
        manifest,
        image_signatures=tuple(name for name in manifest.image_signatures if name in there),
        explain=manifest.explain if explained else None,
    )


def _check_plain(path: Path) -> None:
    """Raises DataLoss for a bundle that lacks its manifest. Only an export writes a golden sample, so one was there."""
    golden = f"{EXTRAS}/{GOLDEN_FILE}"
    if os.path.lexists(path / golden):
        raise DataLoss(
            f"{path} is an incomplete bundle: it has {golden}, but no {MANIFEST_FILE}. Copy the complete version "
            f"again, or remove {golden} to serve it as a plain SavedModel"
        )


def _verify(path: Path, manifest: Manifest | None, digests: Digests | None) -> None:
    """Checks the files. What the manifest has digests of need not be checked again."""
    if manifest is not None:
        manifest.verify(path, digests)
    files = [entry.name for entry in walk(path) if entry.is_file and entry.name.startswith("variables/")]
    if manifest is None or not all(manifest.covers(name) for name in files):
        check_variables(path)


def _labels(path: Path, manifest: Manifest) -> tuple[str, ...] | None:
    if manifest.labels is None:
        return None
    try:
        return read_labels(path / EXTRAS / manifest.labels)
    except (InvalidArgument, NotFound, ResourceExhausted) as error:
        raise DataLoss(f"the labels of {path} are broken: {error.message}") from error


def _golden(path: Path, manifest: Manifest, saved_model: SavedModel) -> Golden | None:
    """Reads the golden sample and gives its inputs the signature's dtypes: a `.npz` file cannot hold bfloat16."""
    if manifest.golden is None:
        return None
    file = path / EXTRAS / manifest.golden
    golden = Golden.load(file, manifest.rtol, manifest.atol)
    signature = saved_model.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or golden.inputs.keys() != signature.inputs.keys():
        raise DataLoss(
            f"{file} belongs to another model: its inputs are not the inputs of {DEFAULT_SIGNATURE}; "
            "export the model again"
        )
    typed = {key: array.astype(signature.inputs[key].dtype.numpy) for key, array in golden.inputs.items()}
    return replace(golden, inputs=typed)


def _check_image_signatures(bundle: Bundle) -> None:
    names = bundle.image_signatures
    if names and (bundle.labels is None or bundle.image is None or DEFAULT_SIGNATURE in names):
        raise DataLoss(
            f"{bundle.path / MANIFEST_FILE} names image signatures without labels or image: export the model again"
        )


def _check_explain(bundle: Bundle) -> None:
    for name in sorted(bundle.internal_signatures):
        signature = bundle.saved_model.signatures.get(name)
        if signature is None or CLASS_INDEX not in signature.inputs:
            raise DataLoss(
                f"{bundle.path / MANIFEST_FILE} names the signature {name!r} for explanations, which the SavedModel "
                "does not have in this form: export the model again"
            )
