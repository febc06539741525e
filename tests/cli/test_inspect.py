"""What a version folder holds, by command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.conftest import MODELS


@pytest.fixture
def dog(dog_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(dog_bundle, tmp_path / "dog"))


@pytest.mark.slow
def test_signatures_are_printed_as_saved_model_cli_does(lightship: Run, half_plus_two: Path) -> None:
    tool = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "show", "--all", "--dir"]
    theirs = subprocess.run([*tool, half_plus_two / "123"], capture_output=True, text=True, timeout=120).stdout
    ours = lightship("inspect", half_plus_two).stdout
    blocks = ["signature_def[" + block for block in theirs.partition("The MetaGraph")[0].split("signature_def[")[1:]]
    assert len(blocks) >= 3
    assert all(block.rstrip() in ours for block in blocks)


def test_labels_image_engine_golden_check_and_files_follow(lightship: Run, dog_bundle: Path) -> None:
    done = lightship("inspect", dog_bundle)
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "Labels: 19 (Chihuahua, Maltese_dog, Shih-Tzu, papillon, Yorkshire_terrier, ...)",
        "Image: height 160, width 160, color rgb, family pillow, resize bicubic",
        "  serving_default: openvino",
        "  image_bytes: lightship: decodes the images, runs serving_default and ranks",
        "  explain: lightship: decodes the images and runs explain_cam",
        "Explanations: by layer out_relu: cam (default, openvino), grad-cam (openvino)",
        "Golden check: ok, within rtol",
        "assets.extra/labels.txt",
    ):
        assert line in done.stdout


def test_json_has_the_same(lightship: Run, dog_bundle: Path) -> None:
    report = json.loads(lightship("inspect", dog_bundle / "1", "--json").stdout)
    assert (report["model"], report["version"], len(report["labels"])) == ("dog", 1, 19)
    assert {"serving_default", "image_bytes", "classify"} <= set(report["signatures"])
    assert report["golden"]["ok"] is True
    assert report["files"]["saved_model.pb"] == (dog_bundle / "1" / "saved_model.pb").stat().st_size


def test_a_changed_file_is_named(lightship: Run, dog: Path) -> None:
    with (dog / "1" / "assets.extra" / "labels.txt").open("a") as labels:
        labels.write("wolf\n")
    done = lightship("inspect", dog)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "labels.txt" in done.stderr


def test_the_golden_check_can_be_left_out(lightship: Run, dog_bundle: Path) -> None:
    done = lightship("inspect", dog_bundle, "--no-check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Golden check: not run (--no-check)" in done.stdout


@pytest.mark.tensorflow
def test_a_plain_saved_model_has_no_labels_and_no_golden_sample(lightship: Run, half_plus_two: Path) -> None:
    done = lightship("inspect", half_plus_two)
    assert done.returncode == 0
    assert "Labels: none" in done.stdout
    assert "Golden check: none" in done.stdout
    assert "  classify_x_to_y: openvino" in done.stdout


def test_a_folder_without_versions_is_explained(lightship: Run, half_plus_two: Path, tmp_path: Path) -> None:
    shutil.copytree(half_plus_two / "123", tmp_path / "direct")
    done = lightship("inspect", "direct")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "direct" in done.stderr


def test_what_matters_comes_first_and_internal_signatures_last(lightship: Run, dog_bundle: Path) -> None:
    shown = lightship("inspect", dog_bundle).stdout
    parts = ["Health: ok", "Golden check: ok", "Engine:", "Labels: 19", "Image: height 160"]
    names = ["serving_default", "classify", "image_bytes", "explain_hirescam", "__saved_model_init_op"]
    parts += [f"signature_def['{name}']" for name in names] + ["Files:"]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)


@pytest.mark.tensorflow
def test_the_users_own_signatures_come_in_their_order(lightship: Run, half_plus_two: Path) -> None:
    report = json.loads(lightship("inspect", half_plus_two, "--json").stdout)
    assert next(iter(report["signatures"])) == "serving_default"
    assert list(report["signatures"])[-1] == "__saved_model_init_op"
    assert next(iter(report["engines"])) == "serving_default"
    assert report["health"] == {"ok": True, "problems": []}


def test_a_signature_that_no_engine_can_run_is_no_good_health(lightship: Run, no_tensorflow: dict[str, str]) -> None:
    done = lightship("inspect", MODELS / "odd", env=no_tensorflow)
    assert "Health: no engine that is installed can run as_text, bfloat16, constant" in done.stdout
