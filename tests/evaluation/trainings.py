"""Trainings that did not happen: contents of reports with real photos and random answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.evaluation.report import EpochFigures, ReportContent
from lightship.images.spec import ImageSpec

SPEC = ImageSpec(224, 224, family="tensorflow", fit="crop", preprocessing="mobilenet_v2")
HOSTILE = '<script>alert(1)</script> & "it\'s"'
NAMES = (
    "beagle",
    "border collie",
    "bull mastiff",
    "chihuahua",
    "dalmatian",
    HOSTILE,
    "pug",
    "samoyed",
    "whippet",
    "猫",
)


def epochs(head: int = 4, fine: int = 6) -> tuple[EpochFigures, ...]:
    """The usual course: both losses fall, and at the end that of the validation rises."""
    total = head + fine
    return tuple(
        EpochFigures(
            phase="new head" if index < head else "fine-tuning",
            loss=2.2 * math.exp(-index / 3) + 0.05,
            accuracy=1 - 0.8 * math.exp(-index / 3),
            valid_loss=2.1 * math.exp(-index / 3) + 0.2 + 0.03 * max(0, index - total + 4),
            valid_accuracy=0.95 - 0.7 * math.exp(-index / 3),
            learning_rate=1e-3 if index < head else 1e-5,
            seconds=12.5 + index,
        )
        for index in range(total)
    )


def draw_photo(path: Path, seed: int, size: tuple[int, int] = (96, 72)) -> None:
    """A photo of a disc before a slope of colours."""
    rng = np.random.default_rng(seed)
    first, last = rng.integers(0, 255, (2, 3))
    slope = np.linspace(first, last, size[0])[np.newaxis].repeat(size[1], 0).astype(np.uint8)
    image = Image.fromarray(slope)
    x, y = rng.integers(10, 50, 2)
    ImageDraw.Draw(image).ellipse((x, y, x + 30, y + 25), fill=tuple(map(int, rng.integers(0, 255, 3))))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def heat_map(path: Path, index: int) -> bytes:
    """The photo in red."""
    copy = path.with_name(f".heat-{index}-{path.name}.png")
    with Image.open(path) as photo:
        Image.merge("RGB", [photo.convert("L"), *(Image.new("L", photo.size, 20) for _ in "gb")]).save(copy)
    data = copy.read_bytes()
    copy.unlink()
    return data


def content(
    folder: Path,
    *,
    classes: Sequence[str] = NAMES,
    photos: int = 60,
    truth: np.ndarray[Any, Any] | None = None,
    probabilities: np.ndarray[Any, Any] | None = None,
    drawn: int = 60,
    explain: Callable[[Path, int], bytes | None] | None = heat_map,
    **changes: Any,
) -> ReportContent:
    """A report's content. drawn: how many of the photos exist as files; the last two classes have no photos."""
    rng = np.random.default_rng(len(classes) + photos)
    if truth is None:
        truth = rng.integers(0, max(1, len(classes) - 2), photos)
    if probabilities is None:
        logits = rng.normal(size=(photos, len(classes)))
        logits[np.arange(photos), truth] += 1.2
        scores = np.exp(2 * logits)
        probabilities = (scores / scores.sum(1, keepdims=True)).astype(np.float32)
    paths = [folder / "photos" / f"class {label}" / f"{index:04d}.jpg" for index, label in enumerate(truth)]
    for index, path in enumerate(paths[:drawn]):
        draw_photo(path, index)
    fields: dict[str, Any] = {
        "title": "dogs",
        "command": "lightship train photos/dogs --base mobilenetv2 --seed 7 -o models/dogs",
        "created": "2026-11-28T09:50:12+00:00",
        "base": "mobilenetv2",
        "spec": SPEC,
        "classes": tuple(classes),
        "epochs": epochs(),
        "best_epoch": 7,
        "photos": tuple(LabelledPhoto(path, classes[label]) for path, label in zip(paths, truth, strict=True)),
        "probabilities": probabilities,
        "counts": {label: 20 + 7 * index for index, label in enumerate(classes)},
        "unreadable": (
            SkippedPhoto(folder / "photos" / "pug" / "x<b>.jpg", "the JPEG image of 12 bytes is truncated"),
        ),
        "rare": {"basenji": 2, HOSTILE * 2: 1},
        "rare_kept": False,
        "heat_map": explain,
    }
    return ReportContent(**(fields | changes))
