"""The report of `lightship inspect` about a version, as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.bundle.int8 import Int8Spec
from lightship.bundle.missing_image import INTENDED, missing_image
from lightship.cli.signature_text import signature_text
from lightship.cli.version_folder import VersionFolder
from lightship.engines import Engine, load_engine
from lightship.engines.base import DEFAULT_OPTIONS, EngineOptions, SignatureReport
from lightship.engines.precision import LoadedEngine, check_precision_options, load_checked_engine
from lightship.engines.precision.checking import Checked
from lightship.engines.precision.figures import Figures
from lightship.engines.tuned import tuned_setting
from lightship.errors import LightshipError
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature

LABELS_SHOWN = 5
NATIVE = "decodes the images, runs serving_default and ranks the labels"
EXPLAINS = "decodes the images and runs {}"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown about a version."""

    bundle: Bundle
    # How each signature is run, by its name.
    engines: Mapping[str, SignatureReport]
    # The result of the golden check in one line.
    golden: str
    golden_failure: bool
    # How the check of a precision other than f32 went; None in f32.
    checked: Checked | None
    # The setting of `lightship tune` that servers on this host load it with, in words; "" if there is none.
    tuned: str
    # The sizes of the files in bytes, by their paths.
    files: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        bundle = self.bundle
        problems = list(self._problems())
        return {
            "path": str(bundle.path),
            "model": bundle.name,
            "version": bundle.version,
            "health": {"ok": not problems, "problems": problems},
            "golden": {"ok": not self.golden_failure, "result": self.golden},
            "precision": _precision_json(self.checked),
            "int8": bundle.manifest.int8.to_json() if bundle.manifest and bundle.manifest.int8 else None,
            "engines": {
                name: {"engine": one.engine, "reason": one.reason, "proof": one.proof}
                for name, one in self.engines.items()
            },
            "tuned": self.tuned or None,
            "labels": bundle.labels,
            "image": bundle.image.to_json() if bundle.image else None,
            "explain": bundle.explain.to_json() if bundle.explain else None,
            "advice": missing_image(bundle) or None,
            "signatures": {one.name: _signature_json(one) for one in signatures_in_order(bundle)},
            "files": dict(self.files),
        }

    def to_text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        bundle = self.bundle
        yield f"{bundle.path}: model {bundle.name}, version {bundle.version}\n"
        yield f"Health: {'; '.join(self._problems()) or 'ok'}"
        yield f"Golden check: {self.golden}"
        if self.checked is not None:
            yield f"Precision: {self.checked.precision}, ok: {self.checked}"
        if bundle.manifest is not None and bundle.manifest.int8 is not None:
            yield f"Model of int8: {_int8(bundle.manifest.int8)}"
        yield "Engine:"
        yield from (f"  {name}: {_engine(one)}" for name, one in self.engines.items())
        if self.tuned:
            yield f"Tuned on this host: {self.tuned}"
        yield f"Labels: {_labels(bundle.labels)}"
        yield f"Image: {_image(bundle)}"
        yield f"Explanations: {_explanations(bundle, self.engines)}\n"
        for signature in signatures_in_order(bundle):
            yield signature_text(signature) + "\n"
        yield f"Files: {sum(self.files.values()):,} bytes"
        width = max((len(f"{size:,}") for size in self.files.values()), default=0)
        yield from (f"  {size:>{width},}  {name}" for name, size in self.files.items())

    def _problems(self) -> Iterator[str]:
        """Yields why the version would not answer, or not rightly."""
        if self.golden_failure:
            yield "the golden check failed, so a server does not serve this version"
        without = [name for name, one in self.engines.items() if not one.engine]
        if without:
            yield f"no engine that is installed can run {', '.join(without)}"


def signatures_in_order(bundle: Bundle) -> list[Signature]:
    """Returns the user's own signatures with `serving_default` first, then those of the export, then internal ones."""

    def place(signature: Signature) -> int:
        if signature.name == INIT_SIGNATURE or signature.name.startswith("__"):
            return 4
        if signature.name in bundle.internal_signatures:
            return 3
        encoded = bundle.image_signatures | bundle.explain_signatures
        return 2 if signature.name in encoded else int(signature.name != DEFAULT_SIGNATURE)

    return sorted(bundle.saved_model.signatures.values(), key=place)


def report_on(found: VersionFolder, *, check: bool, options: EngineOptions = DEFAULT_OPTIONS) -> Report:
    """Opens a version and its engine, and verifies the digests. Raises the errors of a server that cannot load it.

    In another precision than f32, that includes a check that fails.
    """
    bundle = open_bundle(found.path, found.model, found.version)
    if options.precision == "f32":
        check_precision_options(options)
        loaded = LoadedEngine(load_engine(bundle.path, bundle.saved_model, options))
    else:
        loaded = load_checked_engine(bundle, options)
    engine, checked = loaded.engine, loaded.checked
    try:
        engines = {
            one.name: _engine_of(bundle, engine, one.name)
            for one in signatures_in_order(bundle)
            if one.name != INIT_SIGNATURE
        }
        if checked is not None:
            engines = {one.signature: one for one in checked.report(engines.values())}
            difference, golden = None, "ok in f32"
        else:
            difference, golden = _check(bundle, engine) if check else (None, "not run (--no-check)")
    finally:
        engine.close()
    tuned = str(tuned_setting(bundle.path, DEFAULT_OPTIONS) or "")
    return Report(bundle, engines, golden, difference is not None, checked, tuned, _files(bundle.path))


def _engine_of(bundle: Bundle, engine: Engine, signature: str) -> SignatureReport:
    if signature in bundle.image_signatures:
        return SignatureReport(signature, "lightship", NATIVE)
    if bundle.explain is not None and signature in bundle.explain_signatures:
        return SignatureReport(signature, "lightship", EXPLAINS.format(bundle.explain.methods[bundle.explain.default]))
    with suppress(LightshipError):  # the report contains the reason
        engine.engine_of(signature)
    return next(report for report in engine.reports() if report.signature == signature)


def _engine(report: SignatureReport) -> str:
    proof = f", {report.proof}" if report.proof else ""
    return f"{report.engine or 'none'}{proof}: {report.reason}"


def _check(bundle: Bundle, engine: Engine) -> tuple[str | None, str]:
    """Returns what differs, or None, and the line to print."""
    if bundle.golden is None:
        return None, "none: this version has no golden sample"
    difference = bundle.golden.compare(engine.run(DEFAULT_SIGNATURE, bundle.golden.inputs))
    if difference:
        return difference, f"FAILED: {difference}"
    return None, f"ok, within rtol {bundle.golden.rtol:g} and atol {bundle.golden.atol:g} of the trained model"


def _precision_json(checked: Checked | None) -> dict[str, Any]:
    if checked is None:
        return {"precision": "f32"}
    figures = [
        {"samples": samples, "difference": one.difference, "agreeing": one.agreeing, "rows": one.rows}
        for samples, one in checked.figures.items()
    ]
    return {"precision": checked.precision, "figures": figures}


def _int8(spec: Int8Spec) -> str:
    figures = (f"{Figures(one.difference, one.agreeing, one.rows)} on {one.samples}" for one in spec.figures)
    return "; ".join((f"calibrated with {spec.photos} photos", *figures))


def _files(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.stat().st_size for path in files}


def _labels(labels: tuple[str, ...] | None) -> str:
    if labels is None:
        return "none"
    more = ", ..." if len(labels) > LABELS_SHOWN else ""
    return f"{len(labels)} ({', '.join(labels[:LABELS_SHOWN])}{more})"


def _image(bundle: Bundle) -> str:
    if bundle.image is None:
        return _no_image(bundle)
    return ", ".join(f"{key} {value}" for key, value in bundle.image.to_json().items())


def _explanations(bundle: Bundle, engines: Mapping[str, SignatureReport]) -> str:
    spec = bundle.explain
    if spec is None:
        return "none"
    methods = [
        f"{name} ({'default, ' if name == spec.default else ''}{engines[signature].engine or 'no engine'})"
        for name, signature in spec.methods.items()
    ]
    return f"by layer {spec.layer}: {', '.join(methods)}"


def _no_image(bundle: Bundle) -> str:
    advice = missing_image(bundle)
    if advice:
        return f"none; WARNING: this version {advice}"
    intended = bundle.manifest is not None and bundle.manifest.no_image == INTENDED
    return "none: the export said that the model takes only tensors" if intended else "none"


def _signature_json(signature: Signature) -> dict[str, Any]:
    def tensors(specs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: {"dtype": spec.dtype.name, "shape": spec.shape, "name": spec.tensor} for name, spec in specs.items()
        }

    return {
        "method_name": signature.method_name,
        "inputs": tensors(signature.inputs),
        "outputs": tensors(signature.outputs),
    }
