"""A version answers in another precision only if it passes the check of it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.quantized_models import make_int8_wrong, make_wrong

from lightship.bundle.int8 import INT8_ANSWERS, INT8_MODEL
from lightship.bundle.manifest import sealed
from lightship.engines import EngineOptions, timing
from lightship.engines.openvino import building
from lightship.engines.precision import checking, supported, why_missing
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, LightshipError
from lightship.lifecycle import Loader, LoadOptions, Servable, ServableId
from lightship.services.status import signature_reports

pytestmark = pytest.mark.tensorflow

ID = ServableId("pets", 1)
FIGURES = r"largest difference [\d.e-]+, top-1 agreement \d+ of \d+ \([\d.]+ %\) on "


def load(version: Path, precision: Any, **options: Any) -> Servable:
    return Loader(LoadOptions(EngineOptions(precision=precision, **options))).load(ID, version)


def report(servable: Servable) -> tuple[str, str]:
    """Returns the reason and the proof of `serving_default`, and closes the servable."""
    found = next(one for one in signature_reports(servable) if one.signature == "serving_default")
    servable.close()
    return found.reason, found.proof


@pytest.fixture
def any_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that is said to have every precision. What it lacks, OpenVINO computes in f32."""
    monkeypatch.setattr(supported, "processor", lambda: ("a processor", ("FP32", "BF16", "FP16", "INT8")))
    monkeypatch.setattr(building, "_check_precision", lambda compiled, options: None)


def test_int8_answers_after_its_check(pets: Path, photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reason, proof = report(load(pets, "int8", verify_with=photos))
    assert reason == "every operation is proven; computed in int8"
    assert "rows of the golden sample; largest difference" in proof
    assert f"24 photos in {photos}" in proof
    assert f"passed its check in int8: {proof}" in caplog.text


def test_int8_differs_from_f32_but_agrees(pets: Path) -> None:
    exact, quantised = load(pets, "f32"), load(pets, "int8")
    assert exact.bundle.golden is not None
    inputs = exact.bundle.golden.inputs
    answers = [next(iter(one.engine.run("serving_default", inputs).values())) for one in (exact, quantised)]
    assert 1e-5 < np.abs(answers[0] - answers[1]).max() < 0.2
    assert (answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).all()
    exact.close()
    quantised.close()


def test_a_strict_check_refuses_int8_with_both_figures_and_what_to_do(pets: Path, photos: Path) -> None:
    limits = "a difference of 1e-06 and an agreement of at least 100 %"
    text = f"pets/1 is not served in int8.*{FIGURES}.*{limits}.*--precision f32"
    with pytest.raises(FailedPrecondition, match=text):
        load(pets, "int8", verify_with=photos, max_difference=1e-6, min_agreement=1.0)


def test_auto_takes_the_next_precision_where_one_fails_and_says_why(
    pets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reason, proof = report(load(pets, "auto", max_difference=1e-6))
    assert (reason, proof) == ("every operation is proven", "golden sample")
    assert "does not take int8: its answers are too far from those in f32: largest difference" in caplog.text
    assert "--precision auto takes f32" in caplog.text


@pytest.mark.parametrize(("seconds", "chosen"), [(0.9, "int8"), (0.99, "f32"), (1.1, "f32")])
def test_auto_compares_at_the_same_speed_of_the_machine(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, chosen: str
) -> None:
    """The machine gets slower with each run. `seconds`: what a run in int8 takes where one in f32 takes 1."""
    monkeypatch.setattr(supported, "processor", lambda: ("a processor", ("FP32", "INT8")))
    timed: list[Any] = []

    def seconds_of(run: Any) -> float:
        assert run()
        engine = run.func.__self__
        timed.append(engine)
        exact = engine is not timed[0]  # which is in int8, and is timed first
        return (1.0 if exact else seconds) * 1.02 ** len(timed)

    monkeypatch.setattr(timing, "seconds_of", seconds_of)
    reason, _ = report(load(pets, "auto", cache_dir=tmp_path))
    assert ("int8" in reason) == (chosen == "int8")
    assert len(set(timed)) == 2


def test_auto_chooses_the_same_again(pets: Path) -> None:
    assert report(load(pets, "auto"))[0] == report(load(pets, "auto"))[0]


def test_auto_is_f32_on_tensorflow(pets: Path) -> None:
    assert report(load(pets, "auto", engine="tensorflow"))[0] == "the engine asked for is TensorFlow"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_what_the_processor_lacks_is_refused_by_name(pets: Path, precision: str) -> None:
    if not why_missing(precision):
        report(load(pets, precision))
        return
    with pytest.raises(FailedPrecondition, match=f"does not compute in {precision}; on it, OpenVINO has .*FP32"):
        load(pets, precision)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_tensorflow_computes_in_f32_only(pets: Path, precision: str) -> None:
    with pytest.raises(FailedPrecondition, match=f"cannot be served in {precision}: TensorFlow computes in f32"):
        load(pets, precision, engine="tensorflow")


@pytest.mark.parametrize("precision", ["f32", "bf16", "fp16", "int8", "auto"])
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.usefixtures("any_processor")
def test_a_model_that_is_wrong_by_a_hundredth_is_never_loaded(version: Path, engine: str, precision: str) -> None:
    make_wrong(version, 1e-2)
    in_f32 = precision in ("f32", "auto")
    text = (
        "does not give the trained model's answers" if in_f32 or engine == "openvino" else "TensorFlow computes in f32"
    )
    with pytest.raises((DataLoss, FailedPrecondition), match=text):
        load(version, precision, engine=engine, trust=True)


def test_a_model_of_int8_that_is_wrong_is_never_loaded(version: Path) -> None:
    make_int8_wrong(version)
    for precision in ("int8", "auto"):
        with pytest.raises(DataLoss, match="does not give the answers that it gave when it was made"):
            load(version, precision, max_difference=1e9, min_agreement=0.0)
    load(version, "f32").close()


def test_a_changed_model_of_int8_is_found_by_its_digest(version: Path) -> None:
    (version / INT8_MODEL).write_text((version / INT8_MODEL).read_text().replace("i8", "u8", 1))
    with pytest.raises(DataLoss, match="int8.xml was changed after export"):
        load(version, "int8")


def test_a_model_of_int8_without_digests_is_not_read(version: Path) -> None:
    path = version / "assets.extra" / "lightship.json"
    manifest = json.loads(path.read_text())
    del manifest["files"][INT8_ANSWERS]
    path.write_text(json.dumps(sealed(manifest)))
    with pytest.raises(DataLoss, match="has no digest of assets.extra/openvino/int8.npz"):
        load(version, "int8")


def test_a_version_without_int8_says_how_to_make_it(saved_models: Path) -> None:
    with pytest.raises(FailedPrecondition, match="has no model of int8: export it with .* --quantize int8"):
        load(saved_models / "half_plus_two" / "123", "int8")


@pytest.mark.usefixtures("any_processor")
def test_a_plain_saved_model_is_checked_on_random_inputs(saved_models: Path) -> None:
    _, proof = report(load(saved_models / "half_plus_two" / "123", "bf16", trust=True))
    assert proof.endswith("on random inputs, as there is no golden sample")


@pytest.mark.usefixtures("any_processor")
def test_what_cannot_be_checked_is_refused_and_auto_takes_f32(
    saved_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "random_inputs", lambda *_: None)
    version = saved_models / "half_plus_two" / "123"
    with pytest.raises(FailedPrecondition, match="no golden sample, and no inputs can be made up for it"):
        load(version, "bf16", trust=True)
    assert report(load(version, "auto", trust=True))[0] == "every operation is proven"


def test_nan_never_becomes_a_class_in_int8(pets: Path) -> None:
    servable = load(pets, "int8", engine="openvino")
    with pytest.raises(LightshipError, match="NaN"):
        servable.engine.run("serving_default", {"photo": np.full((1, 32, 32, 3), np.nan, np.float32)})
    servable.close()


def test_other_numbers_of_rows_are_answered_in_int8(pets: Path) -> None:
    servable = load(pets, "int8")
    assert servable.bundle.golden is not None
    photo = servable.bundle.golden.inputs["photo"][:1]
    alone, five = (servable.engine.run("serving_default", {"photo": photo.repeat(rows, 0)}) for rows in (1, 5))
    for name, array in five.items():
        np.testing.assert_allclose(array, alone[name].repeat(5, 0), atol=1e-6)
    servable.close()


def test_a_folder_without_photos_is_refused(pets: Path, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="has no photos"):
        load(pets, "int8", verify_with=tmp_path)


def test_photos_that_cannot_be_read_are_left_out(pets: Path, tmp_path: Path, photos: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(FailedPrecondition, match="none of 1 photos"):
        load(pets, "int8", verify_with=tmp_path)
    (tmp_path / "good.png").write_bytes(next(photos.iterdir()).read_bytes())
    assert "on 1 photos in" in report(load(pets, "int8", verify_with=tmp_path))[1]


def test_an_unknown_precision_is_refused(pets: Path) -> None:
    with pytest.raises(InvalidArgument, match="give one of"):
        load(pets, "f64")
