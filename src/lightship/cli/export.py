"""`lightship export`: writes a trained model as a version folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lightship.cli.advice import SOURCE, check_argument, check_target
from lightship.cli.failures import print_warning, warnings_afterwards
from lightship.cli.output import print_json, print_text
from lightship.cli.progress_option import StepProgress
from lightship.packaging.arguments import named_as_options

if TYPE_CHECKING:
    from lightship.images.spec import ImageSpec
    from lightship.packaging.progress import ProgressOption


def export(
    model: Annotated[
        str,
        typer.Argument(help="A .keras or .h5 file, a SavedModel folder, or a folder with model/ and classes.pickle."),
    ],
    folder: Annotated[
        str, typer.Argument(help="The model's own folder, such as models/dog; the version is written into it.")
    ],
    classes: Annotated[
        Path | None,
        typer.Option(help="Class names: a text file, one per line in index order, or JSON (class_indices)."),
    ] = None,
    preprocess: Annotated[
        str | None, typer.Option(help="The preprocessing of the pixels in training: mobilenet_v2, resnet_v2, none, ...")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Preprocessing with pixels * SCALE + OFFSET; a number, or such as 1/255."),
    ] = None,
    offset: Annotated[str | None, typer.Option(metavar="NUMBER", help="The offset for --scale; 0 by default.")] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help="Preprocessing with (pixels - MEAN) / STD for pixels from 0 to 255; one number, or one per channel, "
            "such as 123.675,116.28,103.53."
        ),
    ] = None,
    std: Annotated[str | None, typer.Option(help="The divisor for --mean, such as 58.395,57.12,57.375.")] = None,
    resize: Annotated[
        str | None, typer.Option(help="The resize method in training: nearest, bilinear, bicubic, ...")
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(help="The library that resized: pillow (load_img) or tensorflow (image_dataset_from_directory)."),
    ] = None,
    antialias: Annotated[bool, typer.Option(help="Training used tf.image.resize(antialias=True).")] = False,
    fit: Annotated[
        str | None,
        typer.Option(
            help="How photos of another size fit: stretch, crop (crop_to_aspect_ratio), pad or crop_or_pad "
            "(resize_with_crop_or_pad: no resize)."
        ),
    ] = None,
    height: Annotated[int | None, typer.Option(help="Image height in pixels; the model's own by default.")] = None,
    width: Annotated[int | None, typer.Option(help="Image width in pixels; the model's own by default.")] = None,
    color: Annotated[str | None, typer.Option(help="The color mode: rgb, grayscale or rgba.")] = None,
    no_image: Annotated[
        bool,
        typer.Option(
            "--no-image", help="The model is meant to take only tensors: no warning that it has no --preprocess."
        ),
    ] = False,
    explain_layer: Annotated[
        str | None,
        typer.Option(
            help="The layer that explains the answers, such as block5_conv3; by default the last one with an output "
            "[N, height, width, channels]."
        ),
    ] = None,
    no_explain: Annotated[bool, typer.Option("--no-explain", help="Leave the explanations out.")] = False,
    quantize: Annotated[
        Literal["int8"] | None,
        typer.Option(help="Add a model of int8 beside the original, for `lightship serve --precision int8`."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --quantize: a folder of photos such as the model will see, to calibrate and check int8 with.",
        ),
    ] = None,
    golden: Annotated[
        list[Path] | None,
        typer.Option(
            help="A real image for the golden sample, or a folder of images, of which the first 8 are taken; can be "
            "repeated."
        ),
    ] = None,
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also make assets.extra/model.onnx, for `lightship serve --engine onnxruntime`."),
    ] = False,
    version: Annotated[
        int | None, typer.Option(min=1, help="The version to write; the next free one by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace --version if it exists.")] = False,
    progress: StepProgress = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Export a model as a version folder with labels, preprocessing and a golden sample, and check its answers."""
    given = {
        "height": height,
        "width": width,
        "color": color,
        "family": family,
        "resize": resize,
        "antialias": antialias or None,
        "fit": fit,
    }
    image = _image_spec(given, _preprocessing(preprocess, scale, offset, mean, std), no_image)
    explain = _explain(explain_layer, no_explain)
    labels = _labels(classes)
    check_argument(model, SOURCE)
    check_target(folder)
    start = time.monotonic()
    from lightship.packaging import export as export_model

    with named_as_options(), warnings_afterwards():
        path = export_model(
            model,
            folder,
            classes=labels,
            image=image,
            version=version,
            golden=golden,
            explain=explain,
            quantize=quantize,
            calibrate=calibrate,
            onnx=onnx,
            overwrite=overwrite,
            progress=_progress(progress),
        )
        written = _describe(path, Path(folder)) if json else {}
    if json:
        print_json({**written, "seconds": round(time.monotonic() - start, 3)})
    else:
        print_text(path)


def _preprocessing(
    name: str | None, scale: str | None, offset: str | None, mean: str | None, std: str | None
) -> str | dict[str, Any] | None:
    """Returns the preprocessing of --preprocess, --scale or --mean. Raises BadParameter for contradictory options."""
    kinds = {"--preprocess": name, "--scale": scale, "--mean": mean}
    given = [option for option, value in kinds.items() if value is not None]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} cannot be combined: give only one of them")
    if offset is not None and scale is None:
        raise typer.BadParameter("--offset needs --scale: give both")
    if (mean is None) != (std is None):
        raise typer.BadParameter("--mean and --std need each other, for (pixels - MEAN) / STD: give both")
    if scale is not None:
        return {"scale": _number("--scale", scale), "offset": _number("--offset", offset or "0")}
    if mean is not None and std is not None:
        return _mean_std(_numbers("--mean", mean), _numbers("--std", std))
    return name


def _mean_std(mean: list[float], std: list[float]) -> dict[str, Any]:
    if any(mean) and max(map(abs, [*mean, *std])) <= 1:
        print_warning(
            f"--mean {_joined(mean)} and --std {_joined(std)} are those of pixels from 0 to 1, but pixels go from 0 to "
            f"255: multiply by 255, --mean {_joined(255 * one for one in mean)} --std "
            f"{_joined(255 * one for one in std)}"
        )
    return {"mean": mean, "std": std}


def _joined(numbers: Iterable[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)


def _number(option: str, text: str) -> float:
    try:
        return _quotient(text)
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter(f"{option} is {text!r}; give a number or a fraction, such as 0.5 or 1/255") from error


def _quotient(text: str) -> float:
    """Returns the number of a text such as 0.5 or 1/255. Raises ValueError, ZeroDivisionError."""
    dividend, slash, divisor = text.partition("/")
    return float(dividend) / float(divisor) if slash else float(dividend)


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [_quotient(number) for number in text.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter(
            f"{option} is {text!r}; give one number, or one per channel, such as 123.675,116.28,103.53"
        ) from error


def _image_spec(
    given: dict[str, Any], preprocessing: str | dict[str, Any] | None, no_image: bool
) -> ImageSpec | Literal[False] | None:
    """Returns the image spec, False for --no-image, or None if no option about images was given."""
    chosen = {name: value for name, value in given.items() if value is not None}
    if no_image:
        if chosen or preprocessing is not None:
            raise typer.BadParameter(
                "--no-image says that the model takes only tensors, so it cannot be combined with --preprocess or "
                "other options about images: leave one of them out"
            )
        return False
    if preprocessing is None:
        if chosen:
            raise typer.BadParameter(
                f"--{next(iter(chosen))} is given, but the preprocessing is not: add --preprocess NAME ('none' if the "
                "model contains its preprocessing), --scale, or --mean and --std"
            )
        return None
    from lightship.images.spec import ImageSpec

    return ImageSpec(**chosen, preprocessing=preprocessing)


def _explain(layer: str | None, no_explain: bool) -> str | Literal[False] | None:
    """Returns the layer of --explain-layer, False for --no-explain, or None if neither is given."""
    if layer is not None and no_explain:
        raise typer.BadParameter("--explain-layer and --no-explain cannot be combined: give only one of them")
    return False if no_explain else layer


def _labels(classes: Path | None) -> tuple[str, ...] | None:
    """Reads the labels before TensorFlow is imported, so that errors in the file are reported quickly."""
    from lightship.bundle.labels import read_classes

    return None if classes is None else read_classes(classes)


def _progress(option: bool | None) -> ProgressOption:
    """Without progress, shows only notes, such as a signature that is left out and why."""
    from lightship.packaging.progress import Progress, on_terminal

    class Notes(Progress):
        def __call__(self, text: str) -> None:
            print_text(text, file=sys.stderr, flush=True)

    return Notes() if option is False or (option is None and not on_terminal()) else option


def _describe(path: Path, folder: Path) -> dict[str, Any]:
    from lightship.bundle.bundle import open_bundle
    from lightship.engines import load_engine

    bundle = open_bundle(path, folder.resolve().name, int(path.name), verify=False)
    engine = load_engine(path, bundle.saved_model)
    try:
        runs_on = engine.engine_of("serving_default")
    finally:
        engine.close()
    golden = bundle.golden
    return {
        "path": str(path),
        "version": bundle.version,
        "signatures": list(bundle.saved_model.signatures),
        "explain": bundle.explain.to_json() if bundle.explain else None,
        "labels": len(bundle.labels) if bundle.labels else 0,
        "engine": runs_on,
        "golden": {"rtol": golden.rtol, "atol": golden.atol} if golden else None,
    }
