"""How TensorFlow is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from lightship.engines.tensorflow.importing import _KerasFinder

pytestmark = pytest.mark.tensorflow

SCRIPT = """
import sys

from lightship.engines.tensorflow import import_tensorflow

tf = import_tensorflow()
unwanted = {"keras", "pandas", "sklearn"} & sys.modules.keys()
assert not unwanted, unwanted
assert import_tensorflow() is tf

from tensorflow.keras.layers import Dense

assert tf.keras.layers.Dense is Dense
assert float(tf.reduce_sum(Dense(2, kernel_initializer="ones")(tf.ones((1, 3))))) == 6
"""


def test_keras_comes_when_it_is_asked_for_and_not_before() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, env=environment)
    assert ended.returncode == 0, ended.stderr


def test_other_threads_may_import_keras_meanwhile() -> None:
    this, other = _KerasFinder(threading.get_ident()), _KerasFinder(threading.get_ident() + 1)
    found = this.find_spec("keras", None)
    assert found is not None
    assert found.loader is not None
    with pytest.raises(ImportError, match="keras is not imported together with TensorFlow"):
        found.loader.create_module(found)
    assert other.find_spec("keras", None) is None
