"""What `lightship tune` finds, and whether a server is slower with it than without: ten repeats of fresh loads.

Each repeat loads the version anew, once as a server without a tuned setting does and once with what was found, in an
order that changes. Where nothing was found, both are the default, which shows the noise.
Usage: python -m benchmarks.tuning [--models toy mobilenet] [--seconds 60] [--repeats 10] [--objective throughput]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmarks.models import MODELS, made

from lightship.batching import Joined
from lightship.bundle.bundle import Bundle, open_bundle
from lightship.engines import EngineOptions, load_engine
from lightship.engines.comparison import random_inputs
from lightship.engines.tuned import TunedSetting
from lightship.saved_model.signatures import DEFAULT_SIGNATURE
from lightship.tuning import Budget, Objective, Tuning, tune
from lightship.tuning.load import Load, rows_of
from lightship.tuning.objective import Turns

CALLERS = (1, 4, 16)
TURN_SECONDS = 1.0
MEASURED_SECONDS = 120.0  # that the default may take to measure itself


def fresh_turns(bundle: Bundle, load: Load, options: EngineOptions) -> Turns:
    """Loads the version, waits until runs are measured, warms up, and makes a turn for each number of callers."""
    engine = load_engine(bundle.path, bundle.saved_model, options)
    scheduler = Joined(bundle, engine, lambda calls, rows: None)
    try:
        end = time.monotonic() + MEASURED_SECONDS
        while (joining := engine.joining(DEFAULT_SIGNATURE)) is not None and not joining.costs:
            if time.monotonic() > end:
                raise RuntimeError("runs were not measured: the machine is too busy")
            time.sleep(0.05)
        for callers in reversed(CALLERS):
            load.turn(scheduler, callers, TURN_SECONDS)
        return {callers: load.turn(scheduler, callers, TURN_SECONDS) for callers in CALLERS}
    finally:
        scheduler.close()
        engine.close()


def repeated(bundle: Bundle, options: EngineOptions, found: Tuning, repeats: int) -> dict[str, object]:
    signature = bundle.saved_model.signatures[DEFAULT_SIGNATURE]
    sample = random_inputs(signature, 16, np.random.default_rng(1))
    assert sample is not None
    load, setting = Load(DEFAULT_SIGNATURE, rows_of(sample, 16)), found.best if found.better else None
    ratios: list[float] = []
    for number in range(repeats):
        turns = {}
        for tuned in (True, False) if number % 2 else (False, True):
            chosen = setting.on(options) if tuned and isinstance(setting, TunedSetting) else options
            turns[tuned] = fresh_turns(bundle, load, chosen)
        ratios.append(found.objective.ratio(turns[True], turns[False]))
        print(f"  repeat {number + 1}: {ratios[-1]:.3f} times the default", flush=True)
    ordered = sorted(ratios)
    return {"median": statistics.median(ratios), "lowest": ordered[0], "highest": ordered[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["toy", "mobilenet"], choices=[model.name for model in MODELS])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--objective", choices=["throughput", "latency"], default="throughput")
    given = parser.parse_args()
    folder = made()
    with tempfile.TemporaryDirectory() as cache:
        options = EngineOptions(cache_dir=Path(cache), tuned=False)
        for name in given.models:
            bundle = open_bundle(folder / name / "1", name, 1)
            objective = Objective(given.objective)
            budget = Budget(given.seconds, given.repeats)
            found = tune(bundle, options, objective=objective, callers=CALLERS, budget=budget)
            print(f"{name}: {found.verdict}", flush=True)
            result = repeated(bundle, options, found, given.repeats)
            print(
                json.dumps({"model": name, "setting": str(found.best) if found.better else None, **result}), flush=True
            )


if __name__ == "__main__":
    main()
