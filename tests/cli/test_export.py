"""A trained model to a version folder, by command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from lightship.cli.export import _preprocessing

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Keras model that takes 8x8 images and knows two classes."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Conv2D(2, 3),
        keras.layers.Flatten(),
        keras.layers.Dense(2, "softmax"),
    ]
    path = tmp_path_factory.mktemp("keras") / "tiny.keras"
    keras.Sequential(layers).save(path)
    return path


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    return tmp_path / "classes.txt"


@pytest.mark.slow
def test_the_new_version_is_printed_and_nothing_else_without_a_terminal(
    lightship: Run, tiny: Path, classes: Path, tmp_path: Path
) -> None:
    done = lightship("export", tiny, "models/tiny", "--classes", classes, "--preprocess", "mobilenet_v2")
    assert (done.returncode, done.stdout) == (0, "models/tiny/1\n"), done.stderr
    assert (tmp_path / "models/tiny/1/saved_model.pb").exists()
    assert done.stderr == ""


@pytest.mark.slow
def test_progress_can_be_asked_for_and_goes_to_standard_error(lightship: Run, tiny: Path, classes: Path) -> None:
    words = ["export", tiny, "models/tiny", "--classes", classes, "--preprocess", "mobilenet_v2", "--no-explain"]
    done = lightship(*words, "--progress")
    assert (done.returncode, done.stdout) == (0, "models/tiny/1\n"), done.stderr
    assert re.search(r"^writing the SavedModel \(\d+\.\d s\)$", done.stderr, re.MULTILINE)


@pytest.mark.slow
def test_what_is_left_out_is_said_without_a_terminal_too(lightship: Run, tiny: Path) -> None:
    done = lightship("export", tiny, "models/tiny", "--preprocess", "none", "--no-progress")
    assert done.returncode == 0
    assert "image_bytes and classify are left out: give --classes to add them" in done.stderr
    assert "SavedModel" not in done.stderr


@pytest.mark.slow
def test_json_tells_what_was_written(lightship: Run, tiny: Path, classes: Path) -> None:
    spec = ["--family", "tensorflow", "--resize", "bilinear", "--antialias", "--fit", "crop"]
    words = ["--classes", classes, "--mean", "127.5,127.5,127.5", "--std", "127.5", *spec, "--version", 7, "--json"]
    done = lightship("export", tiny, "models/tiny", *words, "--no-explain")
    written = json.loads(done.stdout)
    assert (written["path"], written["version"], written["labels"]) == ("models/tiny/7", 7, 2)
    assert written["engine"] == "openvino"
    assert {"serving_default", "image_bytes", "classify"} <= set(written["signatures"])
    assert written["golden"]
    assert written["seconds"] > 0


@pytest.mark.slow
def test_what_packaging_refuses_is_one_line(lightship: Run, tiny: Path, classes: Path) -> None:
    classes.write_text("cat\ndog\nowl\n")
    done = lightship("export", tiny, "models/tiny", "--classes", classes, "--preprocess", "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "3" in done.stderr.splitlines()[-1]


def test_classes_that_are_wrong_are_reported_before_tensorflow_is_loaded(lightship: Run) -> None:
    done = lightship("export", "model.keras", "models/tiny", "--classes", "no.txt", "--preprocess", "none")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ")
    assert "no.txt" in done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--preprocess", "none", "--scale", "2"], "cannot be combined"),
        (["--offset", "2"], "--offset needs --scale"),
        (["--mean", "1"], "--mean and --std need each other"),
        (["--mean", "a", "--std", "1"], "--mean is 'a'"),
        (["--mean", "1", "--std", "1/0"], "--std is '1/0'"),
        (["--scale", "1/2/3"], "--scale is '1/2/3'; give a number or a fraction, such as 0.5 or 1/255"),
        (["--scale", "1/0"], "--scale is '1/0'; give"),
        (["--scale", ""], "--scale is ''; give"),
        (["--scale", "1", "--offset", "x"], "--offset is 'x'; give"),
        (["--resize", "bicubic"], "--preprocess NAME"),
        (["--antialias"], "--preprocess NAME"),
        (["--explain-layer", "out_relu", "--no-explain"], "cannot be combined"),
        (["--version", "0"], "--version"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(lightship: Run, options: list[str], text: str) -> None:
    done = lightship("export", "model.keras", "models/tiny", *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert text in done.stderr


def test_numbers_may_be_fractions() -> None:
    assert _preprocessing(None, "1/127.5", "-1", None, None) == {"scale": 1 / 127.5, "offset": -1.0}
    assert _preprocessing(None, "1/255", "-1/2", None, None) == {"scale": 1 / 255, "offset": -0.5}
    assert _preprocessing(None, "0", None, None, None) == {"scale": 0.0, "offset": 0.0}
    assert _preprocessing(None, None, None, "255/2,3", "1/4, 5") == {"mean": [127.5, 3.0], "std": [0.25, 5.0]}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--preprocess", "mobilnet_v2"], "mobilenet_v2"),
        (["--preprocess", "none", "--resize", "cubic"], "bicubic"),
        (["--preprocess", "none", "--fit", "center"], "fit is 'center'; give one of stretch, crop, pad, crop_or_pad"),
    ],
)
def test_a_spec_that_does_not_exist_is_reported_before_tensorflow_is_loaded(
    lightship: Run, options: list[str], text: str
) -> None:
    done = lightship("export", "model.keras", "models/tiny", *options)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert text in done.stderr


@pytest.mark.slow
def test_a_classifier_without_preprocessing_is_exported_with_a_warning_that_inspect_repeats(
    lightship: Run, tiny: Path, classes: Path
) -> None:
    done = lightship("export", tiny, "models/tiny", "--classes", classes, "--no-explain")
    assert (done.returncode, done.stdout) == (0, "models/tiny/1\n")
    warning = done.stderr.splitlines()[-1]
    assert warning.startswith("warning: models/tiny/1 was exported without preprocessing")
    assert "such as --preprocess mobilenet_v2" in warning
    assert "--no-image says that this is intended" in warning
    assert "image=" not in done.stderr
    shown = lightship("inspect", "models/tiny")
    assert "Image: none; WARNING: this version takes only tensors and refuses photos" in shown.stdout
    assert "--preprocess NAME" in json.loads(lightship("inspect", "models/tiny", "--json").stdout)["advice"]


@pytest.mark.slow
def test_no_image_says_that_it_is_intended(lightship: Run, tiny: Path, classes: Path, tmp_path: Path) -> None:
    done = lightship("export", tiny, "models/tiny", "--classes", classes, "--no-image", "--no-explain")
    assert (done.returncode, done.stdout) == (0, "models/tiny/1\n")
    assert "warning" not in done.stderr
    shown = lightship("inspect", "models/tiny")
    assert "Image: none: the export said that the model takes only tensors" in shown.stdout
    assert "WARNING" not in shown.stdout
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 60)
    refused = lightship("predict", "models/tiny", "photo.jpg")
    assert "its export said that it takes only tensors" in refused.stderr


@pytest.mark.slow
def test_messages_name_the_options_of_the_command(lightship: Run, tiny: Path, classes: Path) -> None:
    done = lightship("export", tiny, "models/tiny", "--preprocess", "none", "--color", "grayscale")
    assert (done.returncode, done.stdout) == (1, "")
    assert "give --color rgb" in done.stderr.splitlines()[-1]
    assert "ImageSpec" not in done.stderr


@pytest.mark.parametrize("options", [["--preprocess", "none"], ["--scale", "2"], ["--height", "3"]])
def test_an_image_cannot_be_described_and_denied(lightship: Run, options: list[str]) -> None:
    done = lightship("export", "model.keras", "models/tiny", "--no-image", *options)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--no-image says that the model takes only tensors" in done.stderr


@pytest.mark.parametrize(
    ("mean", "std", "warned"),
    [("0.485,0.456,0.406", "0.229,0.224,0.225", True), ("123.675", "58.395", False), ("0", "1", False)],
)
def test_numbers_for_pixels_up_to_1_are_warned_about(
    capsys: pytest.CaptureFixture[str], mean: str, std: str, warned: bool
) -> None:
    _preprocessing(None, None, None, mean, std)
    shown = capsys.readouterr().err
    assert ("multiply by 255, --mean 123.675,116.28,103.53 --std 58.395,57.12,57.375" in shown) == warned
