"""Runs an engine on the golden sample, in the helper process that tries a signature."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from lightship.bundle.bundle import open_bundle
from lightship.bundle.golden import Golden
from lightship.engines.against_tensorflow import Arrays, Run
from lightship.engines.base import CannotRun
from lightship.saved_model.reader import SavedModel
from lightship.saved_model.signatures import DEFAULT_SIGNATURE, Signature

# The allowed difference of a map, relative to its largest number. A map is a sum of products of both signs, which loses
# digits where they cancel each other.
_MAP_ATOL = 1e-3


def golden_of(folder: Path, model: SavedModel, signature: Signature) -> Golden | None:
    """Returns what the golden sample of a version has of a signature; None if there is nothing.

    model: of the version, with the signature's tags, so that it is not read again.
    """
    bundle = open_bundle(folder, "", 0, verify=False, tags=signature.tags, read=lambda *_: model)
    return bundle.sample_of(signature.name)


def try_golden(
    engine: str,
    signature: Signature,
    runs: Callable[[Arrays], Iterable[Run]],
    golden: Golden,
    apart: tuple[float, float],
) -> None:
    """Runs the signature on the golden sample. The parameters are those of `require_explanations`.

    Raises CannotRun if explanations differ. The outputs of `serving_default` are compared by the server, which says how
    they differ.
    """
    if signature.name != DEFAULT_SIGNATURE:
        require_explanations(engine, runs, golden, apart)
        return
    run, *_ = runs(golden.inputs)
    run(golden.inputs)


def require_explanations(
    engine: str, runs: Callable[[Arrays], Iterable[Run]], golden: Golden, apart: tuple[float, float]
) -> None:
    """Raises CannotRun if an engine's explanations differ from those of the trained model.

    engine: the engine's name in errors.
    runs: returns what to compare for some inputs, such as a model for any number of rows and one for a single row.
    golden: the inputs and outputs of the signature that explains. They are compared together, and the first row alone.
    apart: the differences that the engine's precision allows, relative and absolute.
    """
    rtol, atol = apart
    golden = replace(golden, rtol=max(golden.rtol, rtol), atol=max(golden.atol, atol, _MAP_ATOL))
    for sample in (golden, _first_row(golden)):
        for run in runs(sample.inputs):
            difference = sample.compare(run(sample.inputs))
            if difference is not None:
                raise CannotRun(f"{engine}'s answers differ from the trained model's: {difference}")


def _first_row(golden: Golden) -> Golden:
    inputs, outputs = ({name: array[:1] for name, array in one.items()} for one in (golden.inputs, golden.outputs))
    return replace(golden, inputs=inputs, outputs=outputs)
