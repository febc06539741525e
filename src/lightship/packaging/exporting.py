"""`lightship.export`: a trained model to a new version of a model's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import keras
import tensorflow as tf

from lightship import __version__
from lightship.bundle.golden import Golden
from lightship.bundle.labels import Classes, labels_text, read_classes
from lightship.bundle.manifest import EXTRAS, GOLDEN_FILE, LABELS_FILE, WARM_UP_FILE, Manifest, write_manifest
from lightship.errors import FailedPrecondition
from lightship.images.spec import ImageSpec
from lightship.packaging.classifier import image_signatures, with_model_size
from lightship.packaging.golden_sample import GoldenImages, encode_png, model_inputs, noise_images, take_golden
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.publishing import check_version, publish, staging_folder
from lightship.packaging.signatures import ImageSignatures
from lightship.packaging.sources import open_source
from lightship.packaging.trained import TrainedModel
from lightship.packaging.verify import SampleImages, check_on_engine, check_on_tensorflow
from lightship.packaging.warmup import write_warmup

Progress = Callable[[str], None]

# Keras and TensorFlow keep what they build in a process's global state.
_EXPORT_LOCK = Lock()


def export(
    source: Any,
    folder: str | Path,
    *,
    classes: Classes | None = None,
    image: ImageSpec | Mapping[str, Any] | None = None,
    version: int | None = None,
    golden: GoldenImages | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Writes a trained model as a new version below `folder`, the model's own, and returns the version's path.

    source: a `keras.Model`, a `.keras` or `.h5` file, a SavedModel folder, or the older layout, a folder with
        `model/` and `classes.pickle`.
    classes: one label for each column of the model's output: a list, a mapping (index to label or label to index),
        or a text or JSON file of them (`lightship.bundle.read_classes`).
    image: what training did to a photo. With classes and image the version also has the signatures `image_bytes`
        and `classify`, which take encoded images. Height and width default to the model's own.
    version: the next free one by default. overwrite: replace it if it is there.
    golden: real images for the golden sample, a file, several, or a folder; seeded noise by default.
    progress: is told each step, in a few words.

    The version appears all at once, after TensorFlow and the serving engine both gave the trained model's answers;
    otherwise nothing is left behind. Warns with `UninformativeGoldenWarning` of a golden sample that could not show an error.
    Raises InvalidArgument, NotFound, FailedPrecondition for what cannot be exported, AlreadyExists for a version that
    is there, Internal where what was written answers wrongly.
    """
    folder, tell = Path(folder), progress or (lambda step: None)
    check_version(folder, version, overwrite)
    labels = read_classes(classes) if classes is not None else None
    spec = image if image is None or isinstance(image, ImageSpec) else ImageSpec.from_json(image)
    with _EXPORT_LOCK:
        tell("loading the trained model")
        trained = open_source(source, with_labels=labels is None)
        content = _content(trained, labels or trained.labels, spec or trained.image, golden or None, tell)
        with staging_folder(folder) as path:
            tell("writing the SavedModel")
            with reraise_as(FailedPrecondition, "TensorFlow cannot save this model: {}; nothing is left of it"):
                trained.write(path, content.signatures)
            _write_extras(path, content)
            engine = _try_out(path, trained, content, tell)
            written = publish(path, folder, version, overwrite)
    tell(f"wrote {written}, which runs on {engine}")
    return written


@dataclass(frozen=True, slots=True)
class _Content:
    """What a version holds beside the model. image: with height and width."""

    labels: tuple[str, ...] | None
    image: ImageSpec | None
    golden: Golden | None
    signatures: ImageSignatures | None


def _content(
    trained: TrainedModel,
    labels: tuple[str, ...] | None,
    image: ImageSpec | None,
    golden_images: GoldenImages | None,
    tell: Progress,
) -> _Content:
    image = with_model_size(image, trained.inputs) if image is not None else None
    tell("asking the trained model for the golden sample")
    golden = take_golden(trained, image, golden_images, tell)
    return _Content(labels, image, golden, image_signatures(labels, image, trained.inputs, golden, tell))


def _write_extras(path: Path, content: _Content) -> None:
    extras = path / EXTRAS
    extras.mkdir(exist_ok=True)
    if content.labels is not None:
        (extras / LABELS_FILE).write_text(labels_text(content.labels), encoding="utf-8")
    if content.golden is not None:
        content.golden.save(extras / GOLDEN_FILE)
        if not (path / WARM_UP_FILE).exists():  # a SavedModel may come with its own
            write_warmup(path / WARM_UP_FILE, content.golden)
    manifest = Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        frameworks={"lightship": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
        files={},
        labels=LABELS_FILE if content.labels is not None else None,
        image=content.image,
        image_signatures=content.signatures.names if content.signatures is not None else (),
        golden=GOLDEN_FILE if content.golden is not None else None,
    )
    write_manifest(path, manifest)


def _try_out(path: Path, trained: TrainedModel, content: _Content, tell: Progress) -> str:
    """Raises Internal where what was written answers otherwise than the trained model; returns the engine's name."""
    tell("trying it on TensorFlow")
    check_on_tensorflow(path, content.golden, content.signatures, _pictures(trained, content.signatures))
    tell("trying it on the serving engine")
    return check_on_engine(path, content.golden)


def _pictures(trained: TrainedModel, signatures: ImageSignatures | None) -> SampleImages | None:
    """SampleImages of the model's own size: what resizing does to others is held against training by the tests."""
    if signatures is None:
        return None
    pixels = noise_images(signatures.image)
    (scores,) = trained.run(model_inputs(trained.inputs, signatures.image, pixels)).values()
    return SampleImages([encode_png(one) for one in pixels], scores)
