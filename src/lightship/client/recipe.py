"""What the client knows itself about a model's images, for servers that take tensors only."""

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
IMAGE_SIGNATURE = "image_bytes"


@dataclass(frozen=True, slots=True)
class Recipe:
    image: ImageSpec | None
    labels: tuple[str, ...] | None

    def instance(self, photo: bytes, metadata: ModelMetadata) -> NDArray[np.float32]:
        """The preprocessed photo, float32 [1, height, width, channels]; a size that the spec leaves open is the
        model's. Raises FailedPrecondition without a spec or where the model takes no such image."""
        from lightship.images.prepare import prepare  # brings Pillow

        if self.image is None:
            raise FailedPrecondition(
                f"the server takes no images for model {metadata.model}, only tensors: give the client "
                "bundle='models/NAME', or image=ImageSpec(...) and labels=[...], so that it preprocesses itself"
            )
        return prepare(photo, _sized(self.image, metadata))[np.newaxis]

    def named(self, count: int) -> tuple[str, ...]:
        """The labels of `count` scores."""
        if self.labels is None:
            raise FailedPrecondition("the server gives scores without labels: give the client labels=[...] or bundle=")
        if len(self.labels) != count:
            raise FailedPrecondition(
                f"the model gives {count} scores, but the client was given {len(self.labels)} labels"
            )
        return self.labels

    def ranked(self, scores: NDArray[Any], top: int, model: str, version: int | None) -> Classification:
        """The best labels of one image's scores; of equal ones the lower index first."""
        if scores.ndim != 1:
            raise FailedPrecondition(
                f"model {model} gives {scores.ndim} dimensions an image, not scores: use predict()"
            )
        labels = self.named(len(scores))
        best = np.argsort(-scores.astype(np.float64), kind="stable")[:top].tolist()
        return Classification(tuple(labels[i] for i in best), tuple(float(scores[i]) for i in best), model, version)


def decodes_in_the_graph(metadata: ModelMetadata) -> bool:
    """Whether a signature takes encoded images and gives labels, as in the models that Lightship exported."""
    signature = metadata.signatures.get(IMAGE_SIGNATURE)
    return signature is not None and {"labels", "scores"} <= set(signature.outputs)


def read_recipe(
    image: ImageSpec | None, labels: Sequence[str] | str | Path | None, bundle: str | Path | None
) -> Recipe:
    """What was given itself goes before what the bundle says. `bundle`: a model's folder or one version of it."""
    of_bundle = _read_bundle(Path(bundle)) if bundle is not None else Recipe(None, None)
    return Recipe(image or of_bundle.image, _read_labels(labels) if labels is not None else of_bundle.labels)


def _read_bundle(folder: Path) -> Recipe:
    from lightship.bundle.manifest import EXTRAS, Manifest
    from lightship.saved_model.versions import list_versions

    versions = list_versions(folder)
    version = versions[max(versions)] if versions else folder
    manifest = Manifest.read(version)
    labels = manifest.labels and version / EXTRAS / manifest.labels
    return Recipe(manifest.image, _read_labels(labels) if labels else None)


def _read_labels(labels: Sequence[str] | str | Path) -> tuple[str, ...]:
    from lightship.bundle.labels import read_classes

    return read_classes(labels)


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
    signature = metadata.signatures.get("serving_default")
    if signature is None or len(signature.inputs) != 1:
        raise FailedPrecondition(
            f"model {metadata.model} has no signature serving_default with one input: use predict()"
        )
    return next(iter(signature.inputs.values()))
