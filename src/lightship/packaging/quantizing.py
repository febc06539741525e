"""Adds a model of int8 to a version that was written: `lightship export --quantize int8`. Needs nncf."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.bundle.golden import Golden
from lightship.bundle.int8 import INT8_ANSWERS, INT8_MODEL, INT8_WEIGHTS, Int8Figures, Int8Spec
from lightship.bundle.manifest import write_manifest
from lightship.engines import EngineOptions, load_engine
from lightship.engines.precision import load_checked_engine
from lightship.engines.precision.checking import Checked
from lightship.engines.precision.figures import Arrays, Figures, compare_answers
from lightship.engines.precision.limits import DEFAULT_MIN_AGREEMENT, MAX_DIFFERENCE
from lightship.engines.precision.photos import find_photos, photo_inputs, takes_photos
from lightship.errors import FailedPrecondition, InvalidArgument
from lightship.extras import require
from lightship.packaging.arguments import argument
from lightship.packaging.library_errors import reason_of, reraise_as
from lightship.packaging.progress import Progress
from lightship.packaging.quiet_nncf import quiet_nncf
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# As many photos as NNCF takes by default.
MAX_PHOTOS = 300
# To find out which operations lose most, NNCF runs so many samples for each of them.
_RANKED = 64

Sample = tuple[Arrays, Arrays]  # inputs, and what the answer must be


def check_quantize(quantize: str | None, calibrate: str | Path | None) -> None:
    """Checks the arguments of an export, before anything slow is done.

    Raises InvalidArgument if one is given without the other or if the precision is not int8, NotFound or
    FailedPrecondition if there are no photos, and FailedPrecondition if nncf is not installed.
    """
    if quantize is None and calibrate is None:
        return
    if quantize != "int8" or calibrate is None:
        raise InvalidArgument(
            f"{argument('quantize')} is {quantize!r} and {argument('calibrate')} is {str(calibrate)!r}: give int8 and "
            "a folder of photos, or neither"
        )
    require("a model of int8", "nncf", "openvino")
    find_photos(Path(calibrate), MAX_PHOTOS)


def add_int8(path: Path, calibrate: Path, report: Progress) -> Checked:
    """Quantises `serving_default` of the version folder `path`, checks the result, and renews the manifest.

    Operations are computed in f32 again, those first that lose most, until enough answers agree with those in f32.
    Returns the figures of the check. Raises FailedPrecondition if the version takes no photos or has no golden sample,
    if NNCF fails, or if the answers in int8 are too far from those in f32.
    """
    bundle = open_bundle(path, "", 1, verify=False)
    if bundle.golden is None or not takes_photos(bundle):
        missing = "golden sample" if bundle.golden is None else "image spec, which calibration with photos needs"
        raise FailedPrecondition(
            f"a model of int8 cannot be made: the version has no {missing}; export it with classes and preprocessing"
        )
    inputs: list[Arrays] = list(photo_inputs(bundle, find_photos(calibrate, MAX_PHOTOS)))
    report.step(f"quantising to int8 with {len(inputs)} photos")
    model = _quantised(bundle, inputs)
    if not any(node.get_type_name() == "FakeQuantize" for node in model.get_ops()):
        raise FailedPrecondition(
            f"a model of int8 cannot be made: with any operation in int8, fewer than {100 * DEFAULT_MIN_AGREEMENT:g} % "
            f"of the answers for {len(inputs)} photos or the golden sample agree with those in f32. Calibrate with "
            "more photos, such as the model will see, or serve it in f32"
        )
    _write_model(path, model)
    report.step("comparing int8 with f32")
    return _checked(path, bundle, calibrate, len(inputs))


def _quantised(bundle: Bundle, inputs: list[Arrays]) -> Any:
    """Returns the quantised `openvino.Model`."""
    from lightship.engines.openvino.reading import read_signature
    from lightship.engines.openvino.runtime import core, properties

    signature = bundle.saved_model.signatures[DEFAULT_SIGNATURE]
    model = read_signature(bundle.path, signature)
    with quiet_nncf() as nncf, reraise_as(FailedPrecondition, "NNCF cannot quantise this model: {}"):
        exact = core().compile_model(model, "CPU", properties(EngineOptions()))
        photos = [(one, _answer(exact, one)) for one in inputs]
        validation = _Validation(photos, _golden_rows(bundle.golden))
        return nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset([dict(one) for one in inputs]),
            nncf.Dataset(validation.samples),
            validation,
            max_drop=1 - DEFAULT_MIN_AGREEMENT,
            subset_size=len(inputs),
            # Without it, sums of int8 saturate on processors without VNNI. It also is what makes answers portable.
            advanced_quantization_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
            advanced_accuracy_restorer_parameters=_ranking(min(_RANKED, len(validation.samples))),
        )


def _ranking(samples: int) -> Any:
    from nncf.quantization.advanced_parameters import AdvancedAccuracyRestorerParameters

    return AdvancedAccuracyRestorerParameters(ranking_subset_size=samples)


class _Validation:
    """Tells NNCF how good a model is: the share of its answers that agree with those in f32.

    An answer agrees if its best class is the same, and its numbers are near enough. The photos and the rows of the
    golden sample must agree each, because each is checked when the version is loaded.
    """

    def __init__(self, photos: list[Sample], golden: list[Sample]) -> None:
        self.samples = [*photos, *golden]
        self._photos = len(photos)

    def __call__(self, model: Any, samples: Iterable[Sample]) -> tuple[float, list[float]]:
        right = [float(_agrees(compare_answers(wanted, _answer(model, inputs)))) for inputs, wanted in samples]
        parts = [part for part in (right[: self._photos], right[self._photos :]) if part]
        return min(float(np.mean(part)) for part in parts), right


def _agrees(found: Figures) -> bool:
    return found.within(MAX_DIFFERENCE["int8"], 1.0)


def _answer(model: Any, inputs: Arrays) -> Arrays:
    results = model(dict(inputs))
    return {name: array for port, array in results.items() for name in port.get_names()}


def _golden_rows(golden: Golden | None) -> list[Sample]:
    """Returns the rows of the golden sample one by one, or all together if they are not rows."""
    assert golden is not None
    arrays = [*golden.inputs.values(), *golden.outputs.values()]
    sizes = {len(array) if array.ndim else 0 for array in arrays}
    if len(sizes) != 1:
        return [(golden.inputs, golden.outputs)]

    def row(arrays: Arrays, index: int) -> Arrays:
        return {name: array[index : index + 1] for name, array in arrays.items()}

    return [(row(golden.inputs, index), row(golden.outputs, index)) for index in range(sizes.pop())]


def _write_model(path: Path, model: Any) -> None:
    from lightship.engines.openvino.runtime import openvino

    (path / INT8_MODEL).parent.mkdir(exist_ok=True)
    try:
        openvino().serialize(model, str(path / INT8_MODEL), str(path / INT8_WEIGHTS))
    except Exception as error:  # which does not say that the disk is full
        raise FailedPrecondition(
            f"the model of int8 cannot be written: {reason_of(error)}; {shutil.disk_usage(path).free:,} bytes are free "
            f"on the disk of {path.parent}"
        ) from error


def _checked(path: Path, bundle: Bundle, calibrate: Path, photos: int) -> Checked:
    """Runs the model of int8 as a server would, and writes its answers and figures."""
    assert bundle.manifest is not None
    assert bundle.golden is not None
    options = EngineOptions(precision="int8", verify_with=calibrate)
    engine = load_engine(path, bundle.saved_model, options)
    try:
        answers = engine.run(DEFAULT_SIGNATURE, bundle.golden.inputs)
    finally:
        engine.close()
    Golden({}, answers).save(path / INT8_ANSWERS)
    frameworks = {name: package_version(name) for name in ("nncf", "openvino")}
    spec = Int8Spec((), photos, frameworks)
    write_manifest(path, replace(bundle.manifest, int8=spec))
    loaded = load_checked_engine(open_bundle(path, "", 1, verify=False), options)
    loaded.engine.close()
    assert loaded.checked is not None
    figures = tuple(
        Int8Figures(samples.replace(str(calibrate), "the calibration set"), one.difference, one.agreeing, one.rows)
        for samples, one in loaded.checked.figures.items()
    )
    write_manifest(path, replace(bundle.manifest, int8=replace(spec, figures=figures)))
    return loaded.checked
