"""Runs random graphs in a process of its own: one that ends it is a finding like any other."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.graphs.case import Case
from lightship.engines import Engine, EngineOptions, load_engine
from lightship.engines.comparison import differences
from lightship.errors import LightshipError
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

# Sums of large numbers cancel out differently by their order.
_RTOL, _ATOL = 1e-3, 1e-4


def main() -> None:
    """Arguments: the first seed and how many. Prints a line for each graph: its seed, and what was found."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="lightship-fuzz-cache-") as cache:
        os.environ["LIGHTSHIP_CACHE_DIR"] = cache
        _run_all(first, count)


def _run_all(first: int, count: int) -> None:
    for seed in range(first, first + count):
        print(f"start {seed}", flush=True)
        print(f"done {seed} {' '.join(run(Case(seed)))}", flush=True)


def run(case: Case) -> list[str]:
    """What is wrong with a graph's answers; which engine ran it is the first word."""
    with tempfile.TemporaryDirectory(prefix="lightship-fuzz-") as place:
        folder = Path(place) / "1"
        if not case.save(folder):
            return ["refused"]
        model = read_saved_model(folder)
        reference = load_engine(folder, model, EngineOptions(engine="tensorflow"))
        # A graph that ends a helper process is TensorFlow's, and never comes into this one.
        both = load_engine(folder, model, EngineOptions())
        engine, wrong = both.engine_of(DEFAULT_SIGNATURE), []
        alone = _alone(folder, model) if engine == "openvino" else None
        try:
            for inputs in case.inputs():
                expected = _outcome(reference, inputs)
                wrong += _wrong(case, "both", inputs, expected, _outcome(both, inputs))
                found = _outcome(alone, inputs) if alone is not None else None
                if found is not None and not isinstance(found, LightshipError):
                    wrong += _wrong(case, "OpenVINO alone", inputs, expected, found)
            return [engine, *wrong[:1]]
        finally:
            for one in (reference, both, *([alone] if alone is not None else [])):
                one.close()


def _alone(folder: Path, model: Any) -> Engine | None:
    try:
        return load_engine(folder, model, EngineOptions(engine="openvino", trust=True))
    except LightshipError:
        return None


def _outcome(engine: Engine, inputs: dict[str, Any]) -> Any:
    try:
        return engine.run(DEFAULT_SIGNATURE, inputs)["y"]
    except LightshipError as error:
        return error


def _wrong(case: Case, which: str, inputs: dict[str, Any], expected: Any, found: Any) -> list[str]:
    shown = {name: array.tolist() for name, array in inputs.items()}
    if isinstance(expected, LightshipError) and isinstance(found, LightshipError):
        if expected.code == found.code:
            return []
        return [f"WRONG {case}, {which}, {shown}: {found.code.name} instead of {expected.code.name}: {found.message}"]
    if isinstance(expected, LightshipError) or isinstance(found, LightshipError):
        return [f"WRONG {case}, {which}, {shown}: {_text(found)} instead of {_text(expected)}"]
    different = differences({"y": expected}, {"y": found}, _RTOL, _ATOL)
    return [f"WRONG {case}, {which}, {shown}: {different}: {_text(found)} for {_text(expected)}"] if different else []


def _text(value: Any) -> str:
    text = value.message if isinstance(value, LightshipError) else str(np.asarray(value).ravel()[:8].tolist())
    return text.replace("\n", " ")[:300]


if __name__ == "__main__":
    main()
