"""Compares the answers of a version in another precision with those in f32."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle
from lightship.engines.base import Engine, EngineOptions, SignatureReport
from lightship.engines.comparison import random_inputs
from lightship.engines.precision.figures import Figures, compare_answers
from lightship.engines.precision.limits import max_difference
from lightship.engines.precision.photos import find_photos, photo_inputs, takes_photos
from lightship.errors import LightshipError
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

Arrays = Mapping[str, NDArray[Any]]

# The numbers of rows of the random inputs for a version without a golden sample.
_RANDOM_ROWS = (1, 3, 16)


@dataclass(slots=True)
class Wanted:
    """What the version answers in f32."""

    # What the inputs are, such as "8 rows of the golden sample".
    samples: str
    inputs: Arrays | None
    outputs: Arrays


@dataclass(frozen=True, slots=True)
class Checked:
    """How a precision did in its check."""

    precision: str
    # The figures by what they were measured on.
    figures: Mapping[str, Figures]
    limits: tuple[float, float]

    @property
    def passed(self) -> bool:
        return all(one.within(*self.limits) for one in self.figures.values())

    def __str__(self) -> str:
        return "; ".join(f"{figures} on {samples}" for samples, figures in self.figures.items())

    def report(self, signatures: Iterable[SignatureReport]) -> tuple[SignatureReport, ...]:
        """Returns reports on signatures, with the precision and its check in that on `serving_default`."""

        def of(one: SignatureReport) -> SignatureReport:
            return replace(one, reason=f"{one.reason}; computed in {self.precision}", proof=str(self))

        return tuple(of(one) if one.signature == DEFAULT_SIGNATURE else one for one in signatures)

    def refusal(self, path: object) -> str:
        """Says why the version is not served in this precision, and what to do."""
        difference, agreement = self.limits
        failed = {on: one for on, one in self.figures.items() if not one.within(*self.limits)}
        figures = "; ".join(f"{one} on {samples}" for samples, one in failed.items())
        return (
            f"{path} is not served in {self.precision}, because its answers are too far from those in f32: {figures}. "
            f"Allowed are a difference of {difference:g} and an agreement of at least {100 * agreement:g} %. Serve it "
            "with --precision f32, or with auto, which takes the next precision; or, if your application accepts such "
            "answers, set --max-difference and --min-agreement"
        )


@dataclass(slots=True)
class Reference:
    """The answers of a version in f32, with which those in other precisions are compared."""

    bundle: Bundle
    options: EngineOptions
    # The engine that runs the version in f32.
    engine: str = ""
    golden: list[Wanted] = field(default_factory=list)
    photos: list[Arrays] = field(default_factory=list)

    @classmethod
    def of(cls, bundle: Bundle, engine: Engine, options: EngineOptions) -> Reference:
        """Runs the version in f32 on what it is to be compared on, and keeps the answers.

        These are the golden sample, for which the trained model's answers are taken; random inputs where there is no
        golden sample; and the photos.
        """
        made = cls(bundle, options, engine.engine_of(DEFAULT_SIGNATURE))
        if bundle.golden is not None:
            rows = max((len(array) for array in bundle.golden.inputs.values() if array.ndim), default=1)
            samples = f"{rows} {'row' if rows == 1 else 'rows'} of the golden sample"
            made.golden.append(Wanted(samples, bundle.golden.inputs, bundle.golden.outputs))
        made.photos = [engine.run(DEFAULT_SIGNATURE, inputs) for inputs in made._photo_inputs()]
        if bundle.golden is None and not made.photos:
            made.golden += _random(bundle, engine)
        return made

    @property
    def empty(self) -> bool:
        """Whether there is nothing to compare on."""
        return not self.golden and not self.photos

    def check(self, engine: Engine, precision: str) -> Checked:
        """Compares the answers of an engine that computes in a precision."""
        figures: dict[str, Figures] = {}
        for one in self.golden:
            assert one.inputs is not None
            found = compare_answers(one.outputs, engine.run(DEFAULT_SIGNATURE, one.inputs))
            figures[one.samples] = figures.get(one.samples, Figures()) + found
        if self.photos:
            pairs = zip(self.photos, self._photo_inputs(), strict=True)
            found = Figures()
            for wanted, inputs in pairs:
                found += compare_answers(wanted, engine.run(DEFAULT_SIGNATURE, inputs))
            figures[f"{len(self.photos)} photos in {self.options.verify_with}"] = found
        return Checked(precision, figures, (max_difference(self.options, precision), self.options.min_agreement))

    def sample(self) -> Arrays | None:
        """Returns one row for timing; None if there is none."""
        for one in self.golden:
            if one.inputs and all(array.ndim and len(array) for array in one.inputs.values()):
                return {name: array[:1] for name, array in one.inputs.items()}
        return next(self._photo_inputs(), None)

    def _photo_inputs(self) -> Iterator[Arrays]:
        folder = self.options.verify_with
        if folder is None or not takes_photos(self.bundle):
            return
        yield from photo_inputs(self.bundle, find_photos(folder))


def _random(bundle: Bundle, engine: Engine) -> list[Wanted]:
    """Returns the answers in f32 for random inputs that the model accepts."""
    signature, rng = bundle.saved_model.signatures[DEFAULT_SIGNATURE], np.random.default_rng(1)
    wanted = []
    for count in _RANDOM_ROWS:
        inputs = random_inputs(signature, count, rng)
        if inputs is None:
            return []
        try:
            outputs = engine.run(DEFAULT_SIGNATURE, inputs)
        except LightshipError:
            continue
        wanted.append(Wanted("random inputs, as there is no golden sample", inputs, outputs))
    return wanted
