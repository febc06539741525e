"""Preprocessing of images and naming of scores in the client, for servers that take only tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.client.results import Classification, ModelMetadata, TensorInfo
from lightship.errors import FailedPrecondition
from lightship.images.spec import ImageSpec

DEFAULT_SIGNATURE = "serving_default"
ENCODED_IMAGE_SIGNATURE = "image_bytes"


@dataclass(frozen=True, slots=True)
class ClientPreprocessing:
    """What the client needs to classify images with a server that takes only tensors."""

    image: ImageSpec | None
    """How to turn an image into the model's input."""

    labels: tuple[str, ...] | None
    """The class names in index order."""

    def preprocess(self, photo: bytes, metadata: ModelMetadata) -> NDArray[np.float32]:
        """The preprocessed image, float32 [1, height, width, channels].

        A size that the spec leaves open is taken from the model's input. Raises FailedPrecondition without a spec, and
        for a model whose input is not one image.
        """
        from lightship.images.prepare import prepare  # imports Pillow

        return prepare(photo, self.spec_for(metadata))[np.newaxis]

    def spec_for(self, metadata: ModelMetadata) -> ImageSpec:
        """The image spec with the size of the model's input. Raises FailedPrecondition as `preprocess` does."""
        if self.image is None:
            raise without_spec(metadata)
        return _sized(self.image, metadata)

    def classification(self, scores: NDArray[Any], top: int, model: str, version: int | None) -> Classification:
        """The best labels by the scores [classes] of one image. Of equal scores the lower index is first.

        Raises FailedPrecondition if the labels are missing or their number differs from that of the scores.
        """
        if scores.ndim != 1:
            raise FailedPrecondition(
                f"model {model} returns an array of {scores.ndim} dimensions for an image, not scores: use predict()"
            )
        labels = self._labels_of(len(scores))
        best = np.argsort(-scores.astype(np.float64), kind="stable")[:top].tolist()
        return Classification(tuple(labels[i] for i in best), tuple(float(scores[i]) for i in best), model, version)

    def _labels_of(self, count: int) -> tuple[str, ...]:
        if self.labels is None:
            raise FailedPrecondition(
                "the server returns scores without labels: give the client labels=[...] or bundle="
            )
        if len(self.labels) != count:
            raise FailedPrecondition(
                f"the model gives {count} scores, but the client was given {len(self.labels)} labels"
            )
        return self.labels


def decodes_in_the_graph(metadata: ModelMetadata) -> bool:
    """Whether a signature takes encoded images and returns labels. Models that Lightship exported have one."""
    signature = metadata.signatures.get(ENCODED_IMAGE_SIGNATURE)
    return signature is not None and {"labels", "scores"} <= set(signature.outputs)


def read_preprocessing(
    image: ImageSpec | None, labels: Sequence[str] | str | Path | None, bundle: str | Path | None
) -> ClientPreprocessing:
    """Reads the labels and the bundle that a client was given.

    bundle: one version, or a model's folder, whose newest version is read. `image` and `labels` take precedence over
        what it contains. Raises NotFound, DataLoss and InvalidArgument.
    """
    from_bundle = _read_bundle(Path(bundle)) if bundle is not None else ClientPreprocessing(None, None)
    names = _read_labels(labels) if labels is not None else from_bundle.labels
    return ClientPreprocessing(image or from_bundle.image, names)


def _read_bundle(folder: Path) -> ClientPreprocessing:
    from lightship.bundle.manifest import EXTRAS, Manifest
    from lightship.saved_model.versions import list_versions

    versions = list_versions(folder)
    version = versions[max(versions)] if versions else folder
    manifest = Manifest.read(version)
    labels = manifest.labels and version / EXTRAS / manifest.labels
    return ClientPreprocessing(manifest.image, _read_labels(labels) if labels else None)


def _read_labels(labels: Sequence[str] | str | Path) -> tuple[str, ...]:
    from lightship.bundle.labels import read_classes

    return read_classes(labels)


def without_spec(metadata: ModelMetadata) -> FailedPrecondition:
    """Returns the error for a model that takes only tensors, and a client that cannot preprocess photos for it."""
    signature = metadata.signatures.get(DEFAULT_SIGNATURE)
    shapes = [one.shape for one in signature.inputs.values()] if signature is not None else []
    if len(shapes) != 1 or (shapes[0] is not None and len(shapes[0]) != 4):
        return FailedPrecondition(
            f"model {metadata.model} takes no photos, because its {DEFAULT_SIGNATURE} does not take one image: "
            "send tensors with predict()"
        )
    return FailedPrecondition(
        f"the server takes only tensors for model {metadata.model}, no photos: export the model again with its "
        "preprocessing and labels (--preprocess NAME --classes FILE); or, for the client to preprocess photos, give it "
        "image=ImageSpec(...) and labels=[...], or bundle= (--bundle), the folder of a version exported with them"
    )


def _sized(image: ImageSpec, metadata: ModelMetadata) -> ImageSpec:
    if image.height is not None and image.width is not None:
        return image
    shape = _only_input(metadata).shape
    if shape is None or len(shape) != 4 or min(shape[1:3]) < 1:
        raise FailedPrecondition(
            f"model {metadata.model} does not say how large its images are (its input's shape is {shape}): "
            "give height and width in the ImageSpec"
        )
    return image.sized(shape[1], shape[2])


def _only_input(metadata: ModelMetadata) -> TensorInfo:
    signature = metadata.signatures.get(DEFAULT_SIGNATURE)
    if signature is None or len(signature.inputs) != 1:
        raise FailedPrecondition(
            f"model {metadata.model} has no signature {DEFAULT_SIGNATURE} with one input: use predict()"
        )
    return next(iter(signature.inputs.values()))
