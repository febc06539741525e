"""f32 beside bf16, fp16 and int8: the processor time of a photo, and how far the answers are from those in f32.

MobileNetV2, EfficientNetB0 and ResNet50V2 have random weights here. Their answers hardly differ from photo to photo, so
that their agreement says nothing, and int8 is timed without accuracy control. The dog model of the demo is a trained
MobileNetV2; its int8 is made as `lightship export --quantize int8` makes it, from parts of the demo's photo. With
--food FOLDER, photos of `make demo-train`, the model of that demo is measured too.

Usage: python -m benchmarks.precision [--rounds 5] [--seconds 1] [--models models] [--food photos/food-20]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.engines import DEFAULT, OTHERS, WIDE, Work, measure, repeated
from benchmarks.networks import ROOT, versions
from demo.assets import fetch
from PIL import Image

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import EngineOptions
from lightship.engines.base import Precision
from lightship.engines.precision import load_checked_engine, why_missing
from lightship.engines.precision.figures import Figures, compare_answers
from lightship.engines.precision.photos import find_photos, photo_inputs
from lightship.errors import FailedPrecondition
from lightship.packaging.progress import Progress
from lightship.packaging.quantizing import add_int8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each precision in each round")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--food", type=Path, help="photos for models/food")
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    for precision in OTHERS:
        if reason := why_missing(precision):
            print(f"{precision} is not measured: {reason}")
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        photos = parts_of(fetch().photo, Path(place) / "dogs", 60)
        for name, folder, calibrate in _models(given, photos):
            version = Path(shutil.copytree(folder, Path(place) / name / "1"))
            work, figures = _work(version, name, calibrate, photos, given.threads, stack)
            times = measure(work, given.rounds, given.seconds)
            exact = times["f32"]
            for title, found in times.items():
                ratio = statistics.median(a / b for a, b in zip(exact.processor, found.processor, strict=True))
                print(
                    f"{name:15} {title:5} processor {statistics.median(found.processor):6.2f} ms "
                    f"({min(found.processor):.2f}-{max(found.processor):.2f}), {ratio:.2f} times as fast as f32; "
                    f"{figures.get(title, '')}",
                    flush=True,
                )


def _models(given: argparse.Namespace, photos: Path) -> Iterator[tuple[str, Path, Path | None]]:
    """Yields names, version folders, and photos to calibrate with; None for random weights."""
    yield "dog", given.models / "dog" / "1", photos
    if given.food is not None:
        yield "food", given.models / "food" / "1", given.food
    for name, folder in versions().items():
        yield name, folder, None


def _work(
    version: Path, name: str, calibrate: Path | None, photos: Path, threads: int, stack: ExitStack
) -> tuple[Work, dict[str, str]]:
    """Returns what runs in each precision, and the figures of each."""
    options, work, figures = replace(WIDE, threads=threads), Work(), dict[str, str]()
    if calibrate is not None:
        try:
            add_int8(version, calibrate, Progress())
        except FailedPrecondition as refused:
            print(f"{name}: {refused.message}")
    bundle = open_bundle(version, name, 1, verify=False)
    samples = list(photo_inputs(bundle, find_photos(calibrate or photos)))
    precisions: tuple[Precision, ...] = ("f32", *OTHERS, "int8")
    for precision in precisions:
        try:
            engine = load_checked_engine(bundle, replace(options, precision=precision)).engine
        except FailedPrecondition:
            continue
        stack.callback(engine.close)
        if precision == "f32":
            wanted = [engine.run(DEFAULT, one) for one in samples]
        found = _figures(wanted, samples, lambda inputs, engine=engine: engine.run(DEFAULT, inputs))  # type: ignore[misc]
        work[precision] = repeated(partial(engine.run, DEFAULT, samples[0]))
        figures[precision] = str(found)
    if calibrate is None:
        plain = _plain_int8(bundle, samples)
        found = sum(
            (compare_answers(one, plain(inputs)) for one, inputs in zip(wanted, samples, strict=True)), Figures()
        )
        work["int8"] = repeated(partial(plain, samples[0]))
        figures["int8"] = f"{found} (without accuracy control)"
    return work, figures


def _figures(wanted: list[Any], samples: list[Any], run: Callable[[Any], Any]) -> Figures:
    return sum((compare_answers(one, run(inputs)) for one, inputs in zip(wanted, samples, strict=True)), Figures())


def _plain_int8(bundle: Bundle, samples: list[Any]) -> Callable[[Any], Any]:
    """Quantises without accuracy control, which would leave nothing in int8 where weights are random."""
    import nncf

    from lightship.engines.openvino.reading import read_signature
    from lightship.engines.openvino.runtime import core, properties

    model = read_signature(bundle.path, bundle.saved_model.signatures[DEFAULT])
    fix = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    quantised = nncf.quantize(model, nncf.Dataset([dict(one) for one in samples]), advanced_parameters=fix)
    compiled = core().compile_model(quantised, "CPU", properties(EngineOptions()))
    request = compiled.create_infer_request()

    def run(inputs: Any) -> Any:
        request.infer(inputs)
        return {name: request.get_tensor(port).data for port in compiled.outputs for name in port.get_names()}

    return run


def parts_of(photo: Path, folder: Path, count: int) -> Path:
    """Writes parts of a photo, some mirrored, some turned."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    with Image.open(photo) as opened:
        whole = opened.convert("RGB")
    for number in range(count):
        share = rng.uniform(0.6, 1)
        left, top = rng.uniform(0, 1 - share, 2)
        box = (left * whole.width, top * whole.height, (left + share) * whole.width, (top + share) * whole.height)
        part = whole.crop([round(edge) for edge in box]).rotate(rng.uniform(-15, 15))  # type: ignore[arg-type]
        if number % 2:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        part.save(folder / f"{number}.jpg")
    return folder


if __name__ == "__main__":
    main()
