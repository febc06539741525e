"""Which models' threads are bound to processors."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lightship.engines import EngineOptions, load_engine
from lightship.engines.openvino.runtime import properties
from lightship.processors import schedulable_cpus
from lightship.saved_model.reader import read_saved_model
from lightship.saved_model.signatures import DEFAULT_SIGNATURE

TOY = Path(__file__).parents[2] / "models" / "half_plus_two" / "123"


@pytest.mark.parametrize("trust", [False, True])  # imported from what a helper process compiled, and compiled here
def test_a_run_of_a_small_model_does_not_move_the_thread_that_asks_for_it(tmp_path: Path, trust: bool) -> None:
    engine = load_engine(TOY, read_saved_model(TOY), EngineOptions(cache_dir=tmp_path, trust=trust))
    engine.run(DEFAULT_SIGNATURE, {"x": np.ones((3, 1), np.float32)})
    program = engine._slots[DEFAULT_SIGNATURE].program  # type: ignore[attr-defined]
    assert program._declared_model._compiled.get_property("ENABLE_CPU_PINNING") is False
    engine.close()


def test_threads_of_large_models_are_bound_if_no_other_process_needs_the_processors() -> None:
    every = schedulable_cpus()
    assert properties(EngineOptions(threads=every), size=1 << 20)["ENABLE_CPU_PINNING"] is False
    assert properties(EngineOptions(threads=every), size=(1 << 20) + 1)["ENABLE_CPU_PINNING"] is True
    assert properties(EngineOptions(threads=every))["ENABLE_CPU_PINNING"] is True
    if every > 1:
        assert properties(EngineOptions(threads=every - 1))["ENABLE_CPU_PINNING"] is False


@pytest.mark.skipif(sys.platform != "linux" or schedulable_cpus() < 2, reason="needs Linux and two processors")
def test_a_model_compiled_beside_requests_is_the_same(tmp_path: Path) -> None:
    """Although the helper process is kept off one processor, and compiled models contain the number of them."""
    compiled = []
    for low in True, False:
        options = EngineOptions(cache_dir=tmp_path / str(low), low_priority=low)
        load_engine(TOY, read_saved_model(TOY), options).close()
        compiled += [path.read_bytes() for path in (tmp_path / str(low)).rglob("declared")]
    assert len(compiled) == 2
    assert compiled[0] == compiled[1]
