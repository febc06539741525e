"""`lightship-model-server` uses what `lightship tune` has kept, unless a flag says how models run."""

from __future__ import annotations

import pytest

from lightship.cli.flags import Value
from lightship.cli.model_server_flags import FLAGS
from lightship.cli.tensorflow_model_server import ConfigFiles, _options
from lightship.engines import EngineOptions
from lightship.engines.tuned import chosen_options


def engine_options(**given: Value) -> EngineOptions:
    flags = {flag.name: flag.default for flag in FLAGS}
    return _options(given, flags | given, ConfigFiles([], None, None, None)).engine


def test_without_flags_no_option_stands_in_the_way_of_a_tuned_setting() -> None:
    options = engine_options()
    assert options.tuned
    assert chosen_options(options) == []


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({"tensorflow_session_parallelism": 1}, "threads"),
        ({"num_tflite_pools": 2}, "tflite_interpreters"),
        ({"precision": "auto"}, "precision"),
    ],
)
def test_a_flag_that_says_how_models_run_does(given: dict[str, Value], chosen: str) -> None:
    assert chosen_options(engine_options(**given)) == [chosen]


def test_interpreters_are_counted_over_all_pools() -> None:
    assert engine_options().tflite_interpreters == 0
    assert engine_options(num_tflite_pools=2, num_tflite_interpreters_per_pool=3).tflite_interpreters == 6
