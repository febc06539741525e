"""Compares what serves a version with TensorFlow, or with anything else that answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from lightship.bundle.bundle import Bundle, open_bundle
from lightship.bundle.saved_model import DEFAULT_SIGNATURE, INIT_SIGNATURE, Signature
from lightship.engines.auto import load_engine
from lightship.engines.base import INSTALL_TENSORFLOW, Engine, EngineOptions
from lightship.engines.comparison import ATOL, RTOL, difference, random_inputs
from lightship.engines.tensorflow import tensorflow_installed
from lightship.errors import FailedPrecondition, InvalidArgument, LightshipError

Arrays = Mapping[str, NDArray[Any]]
# What answers as it should: from a signature's name and inputs to its outputs.
Reference = Callable[[str, Arrays], Mapping[str, NDArray[Any]]]

_ROWS = (1, 3)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one signature.

    source: of the inputs. rows: compared in all. largest: absolute difference of any two floats. text: what is
    different, or why nothing was compared.
    """

    signature: str
    engine: str
    source: str
    rows: int = 0
    largest: float = 0.0
    compared: bool = False
    different: bool = False
    text: str = ""

    @property
    def word(self) -> str:
        return "different" if self.different else "equal" if self.compared else "not compared"


def verify_version(
    path: Path,
    reference: Any = None,
    *,
    only: str | None = None,
    samples: Mapping[str, NDArray[Any]] | None = None,
    tolerance: tuple[float, float] = (RTOL, ATOL),
) -> tuple[Verdict, ...]:
    """Compares each signature of a version folder, or only one. reference: None for TensorFlow in this process.

    Raises FailedPrecondition where TensorFlow is needed and not installed, InvalidArgument for an unknown signature,
    and what loading raises.
    """
    bundle = open_bundle(path, path.parent.name, 0)
    names = [name for name in bundle.saved_model.signatures if name != INIT_SIGNATURE and only in (None, name)]
    if not names:
        known = ", ".join(name for name in bundle.saved_model.signatures if name != INIT_SIGNATURE)
        raise InvalidArgument(f'the model has no signature "{only}"; it has {known or "none"}')
    engine = load_engine(path, bundle.saved_model)
    own = _tensorflow(path, bundle) if reference is None else None
    try:
        answer = reference or (lambda signature, inputs: own.run(signature, inputs) if own else {})
        return tuple(_verdict(bundle, engine, answer, name, samples, tolerance) for name in names)
    finally:
        engine.close()
        if own is not None:
            own.close()


def read_samples(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file by their names; of an .npy file under the empty name, for a model's only input.

    Raises InvalidArgument for what is neither.
    """
    try:
        with file.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InvalidArgument(f"{file} cannot be read as numpy's .npz or .npy: {error}") from error


def _tensorflow(path: Path, bundle: Bundle) -> Engine:
    if not tensorflow_installed():
        raise FailedPrecondition(
            "comparing needs TensorFlow, which is not installed: "
            f"{INSTALL_TENSORFLOW}, or name a running server with --against"
        )
    return load_engine(path, bundle.saved_model, EngineOptions(engine="tensorflow"))


def _verdict(
    bundle: Bundle,
    engine: Engine,
    reference: Reference,
    name: str,
    samples: Mapping[str, NDArray[Any]] | None,
    tolerance: tuple[float, float],
) -> Verdict:
    signature = bundle.saved_model.signatures[name]
    if name in bundle.native:
        return Verdict(name, "lightship", "", text="its images are answered by way of serving_default")
    try:
        source, inputs = _inputs(bundle, signature, samples)
        runtime = engine.engine_of(name)
    except LightshipError as error:
        return Verdict(name, "", "", text=error.message)
    if not inputs:
        return Verdict(name, runtime, "", text="no inputs could be guessed: give some with --samples")
    largest, rows = 0.0, 0
    for one in inputs:
        expected, found = _answer(reference, name, one), _answer(engine.run, name, one)
        text = _compare(expected, found, tolerance)
        if text is not None:
            return Verdict(name, runtime, source, rows, largest, compared=True, different=True, text=text)
        if isinstance(expected, LightshipError) or isinstance(found, LightshipError):
            return Verdict(name, runtime, source, text=f"both refuse these inputs: {_text(expected)}")
        largest = max([largest, *_distances(expected, found)])
        rows += max((len(array) for array in one.values() if array.ndim), default=1)
    return Verdict(name, runtime, source, rows, largest, compared=True)


def _inputs(
    bundle: Bundle, signature: Signature, samples: Mapping[str, NDArray[Any]] | None
) -> tuple[str, list[Arrays]]:
    """Where the inputs come from, and what they are."""
    if samples is not None:
        return "samples", [_typed(signature, samples)]
    if bundle.golden is not None and signature.name == DEFAULT_SIGNATURE:
        return "golden sample", [bundle.golden.inputs]
    rng = np.random.default_rng(0)
    made = [random_inputs(signature, rows, rng) for rows in _ROWS]
    return "random", [one for one in made if one is not None]


def _typed(signature: Signature, samples: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    if "" in samples and len(signature.inputs) == 1:
        samples = {next(iter(signature.inputs)): samples[""]}
    if samples.keys() != signature.inputs.keys():
        raise InvalidArgument(
            f'signature "{signature.name}" takes {", ".join(signature.inputs)}, and the samples have '
            f"{', '.join(name or 'one array without a name' for name in samples)}"
        )
    return {name: samples[name].astype(spec.dtype.numpy) for name, spec in signature.inputs.items()}


def _answer(reference: Reference, name: str, inputs: Arrays) -> Mapping[str, NDArray[Any]] | LightshipError:
    try:
        return reference(name, inputs)
    except LightshipError as error:
        return error


def _compare(expected: Any, found: Any, tolerance: tuple[float, float]) -> str | None:
    refusals = [isinstance(one, LightshipError) for one in (expected, found)]
    if any(refusals):
        return None if all(refusals) else f"{_text(found)}, where it should be: {_text(expected)}"
    for name, array in expected.items():
        other = found.get(name)
        text = "it is missing" if other is None else difference(array, other, *tolerance)
        if text is not None:
            return f'output "{name}": {text}'
    return None


def _distances(expected: Arrays, found: Arrays) -> Iterator[float]:
    for name, array in expected.items():
        if array.dtype.kind == "f" and array.size:
            apart = np.abs(array.astype(np.float64) - found[name].astype(np.float64))
            yield float(np.nan_to_num(apart, nan=0.0, posinf=0.0).max())


def _text(value: Any) -> str:
    return f"refused ({value.message})" if isinstance(value, LightshipError) else "answered"
