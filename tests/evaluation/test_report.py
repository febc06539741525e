"""The report of a training: every figure equals scikit-learn's, nothing in it can do harm, and no input is too odd."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.dummy import DummyClassifier
from tests.evaluation.figures_of_page import ReadPage, read_page
from tests.evaluation.trainings import HOSTILE, NAMES, SPEC, content, epochs

from lightship.datasets.photo import LabelledPhoto, SkippedPhoto
from lightship.errors import InvalidArgument
from lightship.evaluation.figures import TOP
from lightship.evaluation.page.confusion import MAX_MATRIX_CLASSES
from lightship.evaluation.report import ReportContent, report_html, write_report
from lightship.evaluation.report.answers import PAIRS_BESIDE
from lightship.evaluation.report.data import MAX_NAMED
from lightship.evaluation.report.mistakes import MAX_MISTAKES


def read(report: ReportContent) -> ReadPage:
    return read_page(report_html(report))


# Every figure, by scikit-learn, scipy or plain counting.


def of_answers(truth: np.ndarray, probabilities: np.ndarray, counts: list[int]) -> dict[str, float]:
    classes, answered = probabilities.shape[1], probabilities.argmax(1)
    low, high = binomtest(int((answered == truth).sum()), len(truth)).proportion_ci(method="wilson")
    always = DummyClassifier(strategy="most_frequent").fit(np.zeros(sum(counts)), np.repeat(range(classes), counts))
    found = {
        "accuracy": metrics.accuracy_score(truth, answered),
        "accuracy_low": low,
        "accuracy_high": high,
        "log_loss": metrics.log_loss(truth, probabilities, labels=range(classes)),
        "baseline": always.score(np.zeros(len(truth)), truth),
    }
    if classes > TOP:
        found["top5"] = metrics.top_k_accuracy_score(truth, probabilities, k=TOP, labels=range(classes))
    for average in ("macro", "weighted"):
        means = metrics.precision_recall_fscore_support(
            truth, answered, labels=np.unique(truth), average=average, zero_division=0
        )
        found |= dict(zip((f"{average}.mean.{key}" for key in ("precision", "recall", "f1")), means, strict=False))
    return found | {"macro_f1": found["macro.mean.f1"]}


def of_classes(truth: np.ndarray, answered: np.ndarray, counts: list[int]) -> dict[str, float]:
    figures = metrics.precision_recall_fscore_support(truth, answered, labels=range(len(counts)), zero_division=np.nan)
    keys = ("precision", "recall", "f1", "support")
    found = {
        f"class.{index}.{key}": row[index]
        for key, row in zip(keys, figures, strict=True)
        for index in range(len(counts))
    }
    return found | {f"class.{index}.training_photos": number for index, number in enumerate(counts)}


def of_confusion(truth: np.ndarray, answered: np.ndarray, classes: int) -> dict[str, float]:
    matrix = metrics.confusion_matrix(truth, answered, labels=range(classes))
    cells = [(int(matrix[cell]), cell) for cell in np.ndindex(matrix.shape)]
    wrong = sorted((-number, cell) for number, cell in cells if number and cell[0] != cell[1])
    found: dict[str, float] = {}
    whole = classes <= MAX_MATRIX_CLASSES
    if whole:
        found |= {f"confusion.{row}.{column}": number for number, (row, column) in cells}
    for number, (row, column) in wrong[: PAIRS_BESIDE if whole else 40]:
        found[f"confused.{row}.{column}"] = -number
        found[f"confused.{row}.{column}.share"] = -number / (truth == row).sum()
    return found


def of_calibration(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    right, confidence = probabilities.argmax(1) == truth, probabilities.max(1).astype(np.float64)
    accuracies, confidences = calibration_curve(right, confidence, n_bins=10)
    numbers = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    error = np.average(np.abs(accuracies - confidences), weights=numbers[numbers > 0])
    found = {"expected_calibration_error": error, "calibration.error": error, "mean_confidence": confidence.mean()}
    found["calibration.accuracy"] = right.mean()
    filled = iter(zip(confidences, accuracies, strict=True))
    for index, number in enumerate(numbers):
        name = f"calibration.{index}"
        mean, accuracy = next(filled) if number else (math.nan, math.nan)
        found |= {f"{name}.count": number, f"{name}.confidence": mean, f"{name}.accuracy": accuracy}
        if number:
            found |= {f"chart.{name}.count": number, f"chart.{name}.accuracy": accuracy}
    return found


def of_mistakes(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    answered = probabilities.argmax(1)
    wrong = [(-probabilities[index].max(), index) for index in np.flatnonzero(answered != truth)]
    found = {"mistakes": len(wrong)}
    for rank, (confidence, index) in enumerate(sorted(wrong)[:MAX_MISTAKES]):
        found[f"mistake.{rank}.confidence"] = -confidence
        found[f"mistake.{rank}.label"] = probabilities[index, truth[index]]
    return found


def of_training(report: ReportContent) -> dict[str, float]:
    counts = [report.counts[label] for label in report.classes]
    found: dict[str, float] = {
        "training_photos": sum(counts),
        "validation_photos": len(report.photos),
        "classes": len(counts),
        "most_training_photos": max(counts),
        "fewest_training_photos": min(counts),
        "unreadable": len(report.unreadable),
        "rare": len(report.rare),
        "best_epoch": report.best_epoch,
    }
    found |= {f"rare.{index}.photos": number for index, number in enumerate(report.rare.values())}
    for index, epoch in enumerate(report.epochs):
        for key in ("loss", "accuracy", "valid_loss", "valid_accuracy"):
            found[f"chart.{index}.{key}"] = found[f"epoch.{index}.{key}"] = getattr(epoch, key)
        found[f"epoch.{index}.learning_rate"] = epoch.learning_rate
        found[f"epoch.{index}.seconds"] = epoch.seconds
    return found


@pytest.mark.parametrize("classes", [2, 10, 300])
def test_every_figure_equals_scikit_learns(tmp_path: Path, classes: int) -> None:
    report = content(tmp_path, classes=[f"class {index:03d}" for index in range(classes)], photos=120, drawn=0)
    counts = [report.counts[label] for label in report.classes]
    truth = np.array([report.classes.index(photo.label) for photo in report.photos])
    answered = report.probabilities.argmax(1)
    expected = (
        of_answers(truth, report.probabilities, counts)
        | of_classes(truth, answered, counts)
        | of_confusion(truth, answered, classes)
        | of_calibration(truth, report.probabilities)
        | of_mistakes(truth, report.probabilities)
        | of_training(report)
    )
    found = read(report).figures
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), rel=1e-6, nan_ok=True), name


def test_what_is_shown_is_the_figure_rounded(tmp_path: Path) -> None:
    found = read(content(tmp_path, photos=120, drawn=0))
    assert len(found.shown) > 150
    for name, shown in found.shown.items():
        value = found.figures[name]
        if math.isnan(value):
            assert shown == "–", name
        elif shown.endswith("%"):
            assert float(shown.removesuffix("%")) == pytest.approx(value * 100, abs=0.05001), name
        elif name == "accuracy_low":
            assert float(shown) == pytest.approx(value * 100, abs=0.05001)
        else:
            assert float(shown.replace(",", "")) == pytest.approx(value, rel=0.05, abs=0.05001), name


def test_a_class_that_cannot_be_judged_has_dashes(tmp_path: Path) -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0]], np.float32)
    names = ("cat", "dog", "never seen")
    shown = read(
        content(tmp_path, classes=names, photos=2, truth=np.array([0, 1]), probabilities=probabilities, drawn=0)
    ).shown
    assert [shown[f"class.1.{key}"] for key in ("precision", "recall", "f1")] == ["–", "0.0\u00a0%", "0.0\u00a0%"]
    assert {shown[f"class.2.{key}"] for key in ("precision", "recall", "f1")} == {"–"}
    assert shown["class.2.training_photos"] == "34"


# Nothing in a report can do harm.


def test_names_of_files_and_labels_are_text(tmp_path: Path) -> None:
    html = report_html(content(tmp_path))
    assert "<script>alert" not in html
    assert read_page(html).count("script") == 1
    assert HOSTILE in read_page(html).text
    assert HOSTILE * 2 in read_page(html).text  # a class that was left out


def test_every_text_of_a_report_is_escaped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evil = "<b class=evil>\x1b[31m\u202e\udc80</b>"
    phases = tuple(replace(one, phase=evil) for one in epochs())
    photos = (LabelledPhoto(tmp_path / f"{evil}.jpg", evil),)
    probabilities = np.array([[0.1, 0.9]], np.float32)
    report = content(
        tmp_path, classes=(evil, "dog"), photos=0, title=evil, command=f"{evil}\n{evil}", created=evil, base=evil
    )
    report = replace(report, photos=photos, probabilities=probabilities, epochs=phases, rare={evil: 1})
    write_report(tmp_path / "report.html", replace(report, unreadable=(SkippedPhoto(photos[0].path, evil),)))
    html = (tmp_path / "report.html").read_text("utf-8")
    assert read_page(html).count("b") == 0
    assert not {"\x1b", "\u202e"} & set(html)
    assert html.count("evil") > 15
    assert "evil" in caplog.text
    assert not {"\x1b", "\u202e", "\udc80"} & set(caplog.text)


def test_the_policy_allows_the_styles_and_scripts_of_the_page_and_nothing_else(tmp_path: Path) -> None:
    html = report_html(content(tmp_path))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    expected = ["default-src 'none'"]
    for name in ("script", "style"):
        (text,) = re.findall(f"<{name}>(.*?)</{name}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        expected.append(f"{name}-src &#x27;sha256-{digest}&#x27;")
    assert policy[1].startswith("; ".join(expected).replace("'none'", "&#x27;none&#x27;"))
    assert "img-src data:;" in policy[1]


def test_a_report_names_no_address_but_its_own_and_has_no_style_or_script_in_elements(tmp_path: Path) -> None:
    for tag, given in read(content(tmp_path)).tags:
        assert "style" not in given, tag
        assert not any(name.startswith("on") for name in given), tag
        for name in ("src", "href"):
            assert (given.get(name) or "#").startswith(("data:image/", "#")), given


def test_a_report_does_not_say_where_the_photos_were(tmp_path: Path) -> None:
    html = report_html(content(tmp_path))
    assert str(tmp_path) not in html
    assert "class 3/0006.jpg" in html or "class 3/" in html


# It stays small.


def test_of_many_mistakes_the_most_confident_are_shown(tmp_path: Path) -> None:
    truth = np.zeros(60, np.int64)
    wrong = np.linspace(0.51, 0.99, 60)
    probabilities = np.stack([1 - wrong, wrong], 1).astype(np.float32)
    report = content(tmp_path, classes=("cat", "dog"), truth=truth, probabilities=probabilities)
    found = read(report)
    pictures = [given["alt"] for tag, given in found.tags if tag == "img"]
    assert pictures[:2] == ["photo class 0/0059.jpg", "heat map of class 0/0059.jpg for dog"]
    assert len(pictures) == 2 * MAX_MISTAKES
    assert "60 of 60 validation photos got a wrong answer." in found.text


def test_large_photos_are_made_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), np.uint8)
    report = content(tmp_path, classes=("cat", "dog"), photos=40, truth=np.zeros(40, np.int64), drawn=0, explain=None)
    paths = [tmp_path / f"{index}.jpg" for index in range(40)]
    Image.fromarray(noise).save(paths[0], quality=95)
    for path in paths[1:]:
        path.hardlink_to(paths[0])
    photos = tuple(LabelledPhoto(path, "cat") for path in paths)
    probabilities = np.tile(np.array([[0.1, 0.9]], np.float32), (40, 1))
    html = report_html(replace(report, photos=photos, probabilities=probabilities))
    assert html.count("data:image/jpeg") == MAX_MISTAKES
    assert len(html) < MAX_MISTAKES * 200_000 < paths[0].stat().st_size * 2


def test_of_many_unreadable_photos_the_first_are_named(tmp_path: Path) -> None:
    unreadable = tuple(SkippedPhoto(tmp_path / f"photo {index}.jpg", "it is empty") for index in range(MAX_NAMED + 50))
    found = read(content(tmp_path, photos=0, unreadable=unreadable))
    assert found.text.count("it is empty") == MAX_NAMED
    assert (found.shown["unreadable"], f"The first {MAX_NAMED} are:" in found.text) == ("250", True)


# Odd trainings.


def test_a_photo_that_is_gone_is_named(tmp_path: Path) -> None:
    found = read(content(tmp_path, drawn=0, explain=lambda path, index: None))
    assert found.count("img") == 0
    assert "No picture: photo class " in found.text
    assert "No picture: heat map of class " in found.text


def test_without_heat_maps_there_are_photos_alone(tmp_path: Path) -> None:
    found = read(content(tmp_path, explain=None))
    assert found.count("img") == MAX_MISTAKES
    assert "heat map" not in found.text


@pytest.mark.parametrize("error", [InvalidArgument("no gradient"), RuntimeError("out of memory"), MemoryError()])
def test_a_heat_map_that_fails_is_left_out_and_logged(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(path: Path, index: int) -> bytes:
        raise error

    with caplog.at_level(logging.WARNING):
        found = read(content(tmp_path, explain=failing))
    assert found.count("img") == MAX_MISTAKES
    assert "no heat map of" in caplog.messages[0]


def test_a_heat_map_that_is_no_image_is_left_out(tmp_path: Path) -> None:
    assert read(content(tmp_path, explain=lambda path, index: b"<svg onload=alert(1)>")).count("img") == MAX_MISTAKES


def test_a_model_without_mistakes(tmp_path: Path) -> None:
    truth = np.arange(20) % 2
    probabilities = np.eye(2, dtype=np.float32)[truth]
    found = read(content(tmp_path, classes=("cat", "dog"), truth=truth, probabilities=probabilities, photos=20))
    assert "None: all 20 validation photos were answered correctly." in found.text
    assert "No photo got a wrong answer." in found.text
    assert found.shown["accuracy"] == "100.0\u00a0%"


def test_validation_photos_of_one_class_only(tmp_path: Path) -> None:
    truth = np.zeros(5, np.int64)
    probabilities = np.tile(np.array([[0.8, 0.2]], np.float32), (5, 1))
    found = read(content(tmp_path, classes=("cat", "dog"), truth=truth, probabilities=probabilities, photos=5))
    assert (found.shown["macro_f1"], found.shown["class.1.recall"]) == ("100.0\u00a0%", "–")


def test_no_validation_photos(tmp_path: Path) -> None:
    found = read(content(tmp_path, photos=0))
    assert "There are no validation photos, so the answers were not evaluated." in found.text
    assert {found.shown[name] for name in ("accuracy", "macro_f1", "log_loss", "baseline", "top5")} == {"–"}
    assert found.shown["class.3.training_photos"] == "41"


def test_losses_that_are_not_numbers_leave_gaps(tmp_path: Path) -> None:
    course = list(epochs())
    course[3] = replace(course[3], loss=math.nan, valid_loss=math.inf)
    found = read(content(tmp_path, photos=0, epochs=tuple(course)))
    assert "chart.3.loss" not in found.figures
    assert (found.shown["epoch.3.loss"], found.shown["epoch.3.valid_loss"]) == ("–", "–")
    paths = [given["d"] or "" for tag, given in found.tags if tag == "path" and "line" in (given.get("class") or "")]
    assert [path.count("M") for path in paths] == [2, 2, 1, 1]
    assert "nan" not in "".join(paths)


def test_a_training_that_never_had_a_finite_loss(tmp_path: Path) -> None:
    lost = tuple(replace(one, loss=math.nan, valid_loss=math.nan) for one in epochs(1, 0))
    probabilities = np.full((60, 10), np.nan, np.float32)
    found = read(content(tmp_path, epochs=lost, best_epoch=None, probabilities=probabilities, drawn=0))
    assert "1 epoch." in found.text
    assert "chart.0.loss" not in found.figures
    assert found.figures["mistake.0.confidence"] == 0


def test_a_training_without_epochs(tmp_path: Path) -> None:
    assert "No epoch was completed." in read(content(tmp_path, photos=0, epochs=(), best_epoch=None)).text


def test_rare_classes_that_were_kept_are_said_to_be_kept(tmp_path: Path) -> None:
    assert "1 class was kept, as requested." in read(content(tmp_path, photos=0, rare={"pug": 2}, rare_kept=True)).text
    without = read(content(tmp_path, photos=0, rare={"owl": 0, "pug": 2}, rare_kept=True)).text
    assert "2 classes were kept, as requested, except those without a photo." in without
    assert "2 classes were left out." in read(content(tmp_path, photos=0)).text
    nothing = read(content(tmp_path, photos=0, rare={}, unreadable=())).text
    assert "every class has enough photos" in nothing
    assert "all photos could be read" in nothing


def test_the_image_spec_and_the_command_are_in_the_report(tmp_path: Path) -> None:
    report = content(tmp_path, photos=0, command="lightship train \\\n  --base vgg16")
    html = report_html(report)
    (spec,) = [given["data-spec"] for _, given in read_page(html).tags if "data-spec" in given]
    assert json.loads(spec or "") == SPEC.to_json()
    assert "lightship train \\\n  --base vgg16" in html
    assert "28 November 2026, 09:50 UTC" in html


def test_a_label_that_is_not_among_the_classes_is_refused(tmp_path: Path) -> None:
    report = content(tmp_path)
    with pytest.raises(InvalidArgument, match="which is not among the classes"):
        report_html(replace(report, photos=(LabelledPhoto(tmp_path / "a.jpg", "wolf"), *report.photos[1:])))


def test_many_photos_in_one_report_are_named_apart(tmp_path: Path) -> None:
    assert len(NAMES) == len(set(NAMES))
    relative = (LabelledPhoto(Path("cat/1.jpg"), NAMES[0]), LabelledPhoto(tmp_path / "1.jpg", NAMES[0]))
    probabilities = np.zeros((2, 10), np.float32)
    probabilities[:, 1] = 1
    report = replace(content(tmp_path, photos=0), photos=relative, probabilities=probabilities)
    assert read(report).text.count("1.jpg") >= 2  # they share no folder


def test_a_report_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, content(tmp_path, photos=0))
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InvalidArgument, match="report.html cannot be written"):
        write_report(tmp_path / "report.html", content(tmp_path, photos=0))
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(InvalidArgument, match="No such file"):
        write_report(tmp_path / "missing" / "report.html", content(tmp_path, photos=0))
