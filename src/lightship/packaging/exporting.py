"""`lightship.export`: writes a trained model as a new version in a model's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Never

from lightship import __version__
from lightship.bundle.golden import ATOL, RTOL, Golden
from lightship.bundle.labels import Classes, labels_text, read_classes
from lightship.bundle.manifest import EXTRAS, GOLDEN_FILE, LABELS_FILE, WARM_UP_FILE, Manifest, write_manifest
from lightship.bundle.missing_image import INTENDED, MISSING
from lightship.engines.base import NO_OPENVINO, SignatureReport
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.images.preprocessing import PREPROCESSING_NAMES
from lightship.images.spec import ImageSpec
from lightship.packaging.explaining import check_explain, find_explanations
from lightship.packaging.golden_sample import (
    GoldenImages,
    encode_png,
    model_inputs,
    noise_images,
    take_golden,
    warn_if_uninformative,
)
from lightship.packaging.graph_optimiser import without_graph_optimiser
from lightship.packaging.library_errors import reraise_as
from lightship.packaging.missing_image import is_image_classifier, warn_of_missing_image
from lightship.packaging.onnx import add_onnx_to_new, require_onnx
from lightship.packaging.preprocessed_twice import preprocesses_twice, warn_of_preprocessing_twice
from lightship.packaging.progress import Progress, ProgressOption, shown_progress
from lightship.packaging.publishing import check_folder, check_version, publish, staging_folder
from lightship.packaging.quantizing import add_int8, check_quantize
from lightship.packaging.quiet_tensorflow import quiet_tensorflow
from lightship.packaging.written_graph import with_tolerances
from lightship.unexpected import unexpected_option

# What needs TensorFlow is imported when a model is exported. So `export` exists without it, and its import is quiet.
if TYPE_CHECKING:
    from lightship.packaging.explain_signatures import Explanations
    from lightship.packaging.signatures import ImageSignatures
    from lightship.packaging.trained import TrainedModel
    from lightship.packaging.verify import SampleImages

# What `export` takes by name.
OPTIONS = ("classes", "image", "version", "golden", "explain", "onnx", "quantize", "calibrate", "overwrite", "progress")

# Writes further files into the folder `assets.extra` of a version that is not published yet, which is its argument. The
# other argument explains images with the trained model; None if it cannot be explained.
WriteExtras = Callable[[Path, "Explanations | None"], None]

# Only one export runs at a time, because Keras and TensorFlow keep global state.
_EXPORT_LOCK = Lock()


def export(
    source: Any,
    folder: str | Path,
    *,
    classes: Classes | None = None,
    image: ImageSpec | Mapping[str, Any] | Literal[False] | None = None,
    version: int | None = None,
    golden: GoldenImages | None = None,
    explain: str | Literal[False] | None = None,
    quantize: Literal["int8"] | None = None,
    calibrate: str | Path | None = None,
    onnx: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
    **unexpected: Never,
) -> Path:
    """Writes a trained model as a new version in the model's folder and returns the path of the version.

    source: a `keras.Model`, a `.keras` or `.h5` file, a SavedModel folder, or a folder in the older layout, with
        `model/` and `classes.pickle`.
    folder: the model's own folder, such as models/dog. It is created if necessary.
    classes: one label for each column of the model's output: a list, a mapping (index to label or label to index),
        or the path of a text or JSON file (see `lightship.bundle.labels.read_classes`).
    image: what training did to a photo. With `classes` and `image` the version also has the signatures `image_bytes`
        and `classify`, which take encoded images. Height and width default to the model's own.
        False says that the model is meant to take only tensors; None, the default, says nothing, and an image
        classifier is exported with a warning then.
    version: the version number, by default the next free one.
    overwrite: replace the version if it exists.
    golden: real images for the golden sample: a file, several files, or a folder; by default seeded noise.
    explain: the name of the layer whose output the explanations of an image classifier weight, by default the last one
        with an output [N, height, width, channels]. Only Keras models have explanations. False leaves them out.
    quantize: "int8" adds a model of int8 beside the original, which `lightship serve --precision int8` serves. Only the
        version of a classifier of images can have one. It needs nncf, pip install 'lightship[quantize]'.
    calibrate: with `quantize`: a folder of photos such as the model will see, some hundreds if there are so many. The
        answers in int8 are compared with those in f32 on them; if they are too far, there is no version.
    onnx: also make ONNX files of the signatures that convert, for the engine onnxruntime and for GPUs.
    progress: whether to show each step with its seconds. By default they are shown on a terminal (on standard error)
        and in a notebook, and nowhere else. True shows them anywhere, False never. A function is called with a short
        text at each step instead.

    The version becomes visible only when it is complete and both TensorFlow and the serving engine gave the trained
    model's answers; otherwise the incomplete export is removed. Warns with `UninformativeGoldenWarning` if the golden
    sample cannot detect a wrong conversion, with `MissingImageSpecWarning` if an image classifier has no image spec,
    and with `PreprocessedTwiceWarning` if the image spec and the first layers of the model both preprocess the pixels.
    Raises TypeError for an option that does not exist, InvalidArgument, NotFound or FailedPrecondition if the model
    cannot be exported, AlreadyExists if the version exists, and Internal if the exported model gives wrong answers.
    """
    if unexpected:
        raise unexpected_option("export", next(iter(unexpected)), OPTIONS)
    return export_with_extras(
        source,
        folder,
        classes=classes,
        image=image,
        version=version,
        golden=golden,
        explain=explain,
        quantize=quantize,
        calibrate=calibrate,
        onnx=onnx,
        overwrite=overwrite,
        progress=progress,
        depth=2,
    )


def export_with_extras(
    source: Any,
    folder: str | Path,
    *,
    classes: Classes | None = None,
    image: ImageSpec | Mapping[str, Any] | Literal[False] | None = None,
    version: int | None = None,
    golden: GoldenImages | None = None,
    explain: str | Literal[False] | None = None,
    quantize: Literal["int8"] | None = None,
    calibrate: str | Path | None = None,
    onnx: bool = False,
    overwrite: bool = False,
    progress: ProgressOption = None,
    extras: WriteExtras | None = None,
    depth: int = 1,
) -> Path:
    """Exports as `export` does, with the files that `extras` writes in the version and in the digests of its manifest.

    extras: is called once, before anything is compared or published. If it raises, there is no version.
    depth: how many functions above this one the function is that warnings name as their place.
    """
    check_folder(folder)
    folder = Path(folder)
    check_version(folder, version, overwrite)
    labels = read_classes(classes) if classes is not None else None
    spec = _given_spec(image)
    check_explain(explain)
    check_quantize(quantize, calibrate)
    if onnx:
        require_onnx()
    with _EXPORT_LOCK, shown_progress(progress) as report, quiet_tensorflow(report), without_graph_optimiser():
        from lightship.packaging.sources import open_source

        report.step("reading the trained model")
        trained = open_source(source, with_labels=labels is None)
        if image is not False:
            spec = spec or trained.image
        content = _content(trained, labels or trained.labels, spec, golden or None, explain, report)
        if image is False:
            content = replace(content, no_image=INTENDED)
        with staging_folder(folder) as path:
            report.step("writing the SavedModel")
            with reraise_as(
                FailedPrecondition, "TensorFlow cannot save this model: {}; the incomplete export was removed"
            ):
                trained.write(path, content.signatures, content.explanations)
            content = replace(content, golden=_completed(content, path, report))
            _write_extras(path, content, extras)
            ran = _try_out(path, trained, content, report)
            if ran.engine == "tensorflow" and ran.reason != NO_OPENVINO:
                report(f"servers need TensorFlow for this model: {ran.reason}")
            int8 = f"; int8: {add_int8(path, Path(calibrate), report)}" if calibrate is not None else ""
            if onnx:
                add_onnx_to_new(path, report)
            written = publish(path, folder, version, overwrite)
        report.done(f"wrote {written}, which runs on {ran.engine}{int8}")
    if content.no_image == MISSING:
        warn_of_missing_image(written, trained, content.labels, depth=depth + 1)
    if content.image is not None and preprocesses_twice(content.image.preprocessing, trained.scales_pixels):
        warn_of_preprocessing_twice(written, content.image.preprocessing, depth=depth + 1)
    warn_if_uninformative(content.golden, content.image, bool(golden), depth=depth + 1)
    return written


def _given_spec(image: ImageSpec | Mapping[str, Any] | Literal[False] | None) -> ImageSpec | None:
    if image is None or image is False or isinstance(image, ImageSpec):
        return image or None
    if not isinstance(image, Mapping):
        raise InvalidArgument(f"image is {image!r}; {_expected_image(image)}")
    return ImageSpec.from_json(image)


def _expected_image(given: object) -> str:
    """Says what the argument `image` takes, and what was meant if it is the name of a preprocessing."""
    if isinstance(given, str) and given in PREPROCESSING_NAMES:
        return f"for the preprocessing of that name give image=ImageSpec(preprocessing={given!r})"
    return (
        "give an ImageSpec such as ImageSpec(preprocessing='mobilenet_v2'), a mapping of its fields such as "
        "{'preprocessing': 'none'}, False if the model takes only tensors, or None"
    )


@dataclass(frozen=True, slots=True)
class _Content:
    """What a version contains besides the model. The image spec has a height and a width."""

    labels: tuple[str, ...] | None
    image: ImageSpec | None
    golden: Golden | None
    signatures: ImageSignatures | None
    explanations: Explanations | None
    # As in the manifest.
    no_image: str
    own_preprocessing: bool


def _content(
    trained: TrainedModel,
    labels: tuple[str, ...] | None,
    image: ImageSpec | None,
    golden_images: GoldenImages | None,
    explain: str | Literal[False] | None,
    report: Progress,
) -> _Content:
    from lightship.packaging.classifier import image_signatures, with_model_size

    image = with_model_size(image, trained.inputs) if image is not None else None
    report.step("running the trained model on the golden sample")
    golden = take_golden(trained, image, golden_images, report)
    signatures = image_signatures(labels, image, trained.inputs, golden, report)
    classifies = is_image_classifier(trained.inputs, labels, golden)
    explanations = find_explanations(trained, explain, classifies, report)
    missing = MISSING if image is None and classifies else ""
    own = image is None and trained.scales_pixels
    return _Content(labels, image, golden, signatures, explanations, missing, own)


def _completed(content: _Content, path: Path, report: Progress) -> Golden | None:
    """Returns the golden sample with the tolerances of the written graph, and with its explanations."""
    if content.golden is None:
        return None
    golden = with_tolerances(content.golden, path)
    if content.explanations is None:
        return golden
    from lightship.packaging.verify import explained

    report.step("explaining the golden sample")
    return explained(golden, content.explanations)


def _write_extras(path: Path, content: _Content, write: WriteExtras | None) -> None:
    import keras
    import tensorflow as tf

    from lightship.packaging.warmup import write_warmup

    extras = path / EXTRAS
    extras.mkdir(exist_ok=True)
    if content.labels is not None:
        (extras / LABELS_FILE).write_text(labels_text(content.labels), encoding="utf-8")
    if content.golden is not None:
        content.golden.save(extras / GOLDEN_FILE)
        if not (path / WARM_UP_FILE).exists():  # a SavedModel may have its own warm-up file
            write_warmup(path / WARM_UP_FILE, content.golden)
    if write is not None:
        write(extras, content.explanations)
    manifest = Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        frameworks={"lightship": __version__, "tensorflow": tf.__version__, "keras": keras.__version__},
        files={},
        labels=LABELS_FILE if content.labels is not None else None,
        image=content.image,
        image_signatures=content.signatures.names if content.signatures is not None else (),
        golden=GOLDEN_FILE if content.golden is not None else None,
        rtol=content.golden.rtol if content.golden is not None else RTOL,
        atol=content.golden.atol if content.golden is not None else ATOL,
        no_image=content.no_image,
        own_preprocessing=content.own_preprocessing,
        explain=content.explanations.spec if content.explanations is not None else None,
    )
    write_manifest(path, manifest)


def _try_out(path: Path, trained: TrainedModel, content: _Content, report: Progress) -> SignatureReport:
    """Raises Internal if the exported model answers differently from the trained one. Returns how it runs."""
    from lightship.packaging.verify import check_on_engine, check_on_tensorflow

    report.step("comparing with TensorFlow")
    check_on_tensorflow(path, content.golden, content.signatures, _pictures(trained, content.signatures))
    report.step("compiling for the serving engine and comparing")
    spec = content.explanations.spec if content.explanations is not None else None
    return check_on_engine(path, content.golden, spec.methods[spec.default] if spec is not None else None)


def _pictures(trained: TrainedModel, signatures: ImageSignatures | None) -> SampleImages | None:
    """Returns images of the model's own size, so that nothing resizes them; the tests check resizing separately."""
    from lightship.packaging.verify import SampleImages

    if signatures is None:
        return None
    pixels = noise_images(signatures.image)
    (scores,) = trained.run(model_inputs(trained.inputs, signatures.image, pixels)).values()
    return SampleImages([encode_png(one) for one in pixels], scores)
