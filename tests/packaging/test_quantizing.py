"""A version's model of int8: how it is made, where it lies, and what the manifest says of it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance
from tests.quantized_models import PETS, classifier, save_photos

from lightship import extras
from lightship.bundle.bundle import open_bundle
from lightship.bundle.int8 import INT8_FILES
from lightship.engines import EngineOptions
from lightship.engines.precision import load_checked_engine
from lightship.errors import FailedPrecondition, InvalidArgument, NotFound
from lightship.images.spec import ImageSpec
from lightship.packaging import export
from lightship.packaging.progress import Progress
from lightship.packaging.quantizing import add_int8

SPEC = ImageSpec(preprocessing="mobilenet_v2")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_photos(tmp_path_factory.mktemp("photos") / "pets", 24)


def test_int8_lies_beside_the_original_with_its_figures_and_digests(tmp_path: Path, photos: Path) -> None:
    path = export(
        classifier(), tmp_path / "m", classes=PETS, image=SPEC, explain=False, quantize="int8", calibrate=photos
    )
    manifest = open_bundle(path, "m", 1, verify=True).manifest
    assert manifest is not None
    assert manifest.int8 is not None
    assert all(manifest.covers(name) for name in (*INT8_FILES, "saved_model.pb"))
    assert [(one.samples, one.rows) for one in manifest.int8.figures] == [
        ("2 rows of the golden sample", 2),
        ("24 photos in the calibration set", 24),
    ]
    assert all(0 < one.difference < 0.5 and one.agreeing == one.rows for one in manifest.int8.figures)
    assert (manifest.int8.photos, set(manifest.int8.frameworks)) == (24, {"nncf", "openvino"})


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"quantize": "int8"}, InvalidArgument, "calibrate= is 'None': give int8 and a folder of photos"),
        ({"calibrate": "photos"}, InvalidArgument, "quantize= is None"),
        ({"quantize": "int4", "calibrate": "photos"}, InvalidArgument, "quantize= is 'int4'"),
        ({"quantize": "int8", "calibrate": "/no/such/folder"}, NotFound, "/no/such/folder"),
        ({"quantize": "int8", "calibrate": Path(__file__).parent}, FailedPrecondition, "has no photos"),
    ],
)
def test_arguments_are_checked_before_anything_is_written(
    tmp_path: Path, given: dict[str, object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        export("no-model.keras", tmp_path / "m", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "m").exists()


def test_without_nncf_the_error_says_what_to_install(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    monkeypatch.delitem(__import__("sys").modules, "nncf", raising=False)
    with pytest.raises(FailedPrecondition, match=r"pip install 'lightship\[quantize\]'"):
        export("no-model.keras", tmp_path / "m", quantize="int8", calibrate=photos)


def test_a_model_that_takes_no_photos_has_no_version_with_int8(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(FailedPrecondition, match="the version has no image spec"):
        export(classifier(), tmp_path / "m", image=False, explain=False, quantize="int8", calibrate=photos)
    assert not (tmp_path / "m").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_dog_model_passes_its_own_check_and_is_refused_by_a_strict_one(
    dog_bundle: Path, dog_photo: Path, tmp_path: Path
) -> None:
    version = Path(shutil.copytree(dog_bundle / "1", tmp_path / "dog" / "1"))
    varied = variations(dog_photo, tmp_path / "dogs", 40)
    add_int8(version, varied, Progress())
    bundle = open_bundle(version, "dog", 1)
    loaded = load_checked_engine(bundle, EngineOptions(precision="int8", verify_with=varied))
    loaded.engine.close()
    assert loaded.checked is not None
    assert loaded.checked.passed
    strict = EngineOptions(precision="int8", verify_with=varied, max_difference=1e-6, min_agreement=1.0)
    with pytest.raises(FailedPrecondition, match=r"is not served in int8.*difference .*agreement .*"):
        load_checked_engine(bundle, strict)


def variations(photo: Path, folder: Path, count: int) -> Path:
    """Writes parts of a photo, mirrored, turned, brighter and darker."""
    chance = random.Random(1)
    folder.mkdir()
    with Image.open(photo) as opened:
        whole = opened.convert("RGB")
    width, height = whole.size
    for number in range(count):
        share = chance.uniform(0.6, 1)
        left, top = (chance.uniform(0, 1 - share) for _ in range(2))
        box = (left * width, top * height, (left + share) * width, (top + share) * height)
        part = whole.crop(tuple(map(int, box))).rotate(chance.uniform(-15, 15))  # type: ignore[arg-type]
        if number % 2:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        ImageEnhance.Brightness(part).enhance(chance.uniform(0.7, 1.3)).save(folder / f"{number}.jpg")
    return folder
